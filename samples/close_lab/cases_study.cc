// The study's own experiments, by its numbers.
#include "close_lab/cases.h"

namespace close_lab {
namespace {

constexpr Case kCases[] = {
    {"A41_close_only", "4.1-2", "the client sends and closes, the server reads later", "local_close", kNothing,
     "connect; s read off; c send 1000 80; c close; wait 500; s read on; await s 3000"},
    {"A41_exit_noclose", "4.1-3", "the client sends and exits without closing", "clean_exit", kNothing,
     "connect; s read off; c send 1000 80; c end exit; c-gone; wait 500; s read on; await s 3000"},
    {"A41_segv", "4.1-4", "the client sends and crashes", "client_crash", kNothing,
     "connect; s read off; c send 1000 80; c end segv; c-gone; wait 500; s read on; await s 3000"},
    {"A41_cable_kill_nokeepalive", "4.1-1", "cable out, then the client is killed; the server looks after nothing",
     "local_link_down", kNothing,
     "connect; beats; wait 500; both beat 0 0; wait 300; r-ip link set c0 down; wait 1500; c-signal KILL; c-gone; "
     "await s 2000"},
    {"A41_cable_kill_keepalive", "4.1-1", "cable out, then the client is killed; the server has a keepalive",
     "local_link_down", kNothing,
     "connect; s opt ka-idle 1; s opt ka-between 1; s opt ka-probes 3; c send 1000 10; wait 300; r-ip link set c0 down; "
     "wait 1500; c-signal KILL; c-gone; await s 8000"},
    {"A42_kill9", "4.2-2", "the client sends and is killed, the server then replies to each message", "client_killed",
     kNothing,
     "connect; s read off; c send 1000 20; wait 200; c-signal KILL; c-gone; wait 300; s send 100 5 50; await s 3000"},
    {"A42_during_replies_close", "4.2-1", "the client closes with replies unread", "local_close", kNothing,
     "connect; c read off; s beat 100 20; wait 300; c close; await s 3000"},
    {"D_close_empty", "", "the client closes, nothing unread", "local_close", kNothing,
     "connect; beats; wait 500; both beat 0 0; wait 100; c close; await s 3000"},
    {"D_linger0", "", "the client closes with SO_LINGER 0", "local_close", kNothing,
     "connect; beats; wait 500; c opt linger0; c close; await s 3000"},
    {"H_linger0_idle", "", "the server closes with SO_LINGER 0, the client is idle", "server_reset", kNothing,
     "connect; wait 300; s opt linger0; s close; await c 3000"},
    {"G_drop_ut4_active", "", "the router drops everything; both play", "path_timeout", kFirewall,
     "connect; both opt ut 3000; beats; wait 800; r-fw -A FORWARD -j DROP; await c 12000; await s 12000"},
};

}  // namespace

CaseTable StudyCases() { return {kCases, kCases + sizeof kCases / sizeof *kCases}; }

}  // namespace close_lab
