// The server's side ends, stops, dies, or goes down with its machine.
#include "close_lab/cases.h"

namespace close_lab {
namespace {

constexpr Case kCases[] = {
    {"H_kill9_empty_active", "", "the server is killed with play unread; the client plays", "server_died", kTwin,
     "connect; s read off; c beat 64 200; unread-at s 128; s-signal KILL; s-gone; await c 3000"},
    {"H_kill9_unread_idle", "", "the server is killed with data unread; the client is idle", "server_died", kTwin,
     "connect; s read off; c send 100; acked c; s-signal KILL; s-gone; await c 3000"},
    {"H_kill9_reading_active", "", "the server is killed while both play", "server_died", kTwin,
     "connect; play; s-signal KILL; s-gone; await c 3000"},
    {"H_segv_empty_idle", "", "the server crashes, nothing unread; the client is idle", "server_died", kTwin,
     "quiet; s end segv; s-gone; await c 3000"},
    {"H_idle_kick", "", "the server closes for idleness and says so", "server_idle_timeout", kTwin,
     "connect; c send 64; wait 1500; s announce idle; s close; await c 3000"},
    {"H_idle_kick_nomsg", "", "the server closes for idleness without a word", "server_idle_timeout", kTwin,
     "connect; c send 64; s patience 1500 idle; await s 4000; await c 3000"},
    {"H_kick_announced", "", "the server removes the player and says so", "server_kick", kTwin,
     "connect; play; s announce kick; s half-close; await c 3000; await s 3000"},
    {"H_kick_nomsg", "", "the server removes the player without a word", "server_kick", kTwin,
     "connect; play; s close kick; await c 3000"},
    {"H_kick_unread", "", "the server removes the player without a word and with data unread", "server_kick", kTwin,
     "connect; play; s read off; c send 100; unread-at s 100; s close kick; await c 3000"},
    {"H_shutdown_announced", "", "the server goes down in order and says so", "server_shutdown", kTwin,
     "connect; play; s announce shutdown; s half-close; await c 3000; await s 3000; s stop; s-gone"},
    {"H_shutdown_nomsg", "", "the server goes down in order without a word", "server_shutdown", kTwin,
     "connect; play; s close shutdown; s stop; s-gone; await c 3000"},
    {"H_close_idle", "", "the server closes without a reason; the client is idle", "server_close", kTwin,
     "quiet; s close; await c 3000"},
    {"H_server_hang_apphb3", "", "the server stands still; the client waits 3 s for its answer", "server_hang", kTwin,
     "connect; play; s-signal STOP; c patience 3000; await c 6000; s-signal CONT; await s 3000"},
    {"H_server_hang_winfull", "", "the server stands still, its window closes; the client has a time-out",
     "server_hang", kTwin,
     "small-window s; connect; c opt ut 3000; play; s-signal STOP; c beat 8000 50; await c 12000; s-signal CONT; await "
     "s 3000"},
    {"H_server_reboot_active", "", "the server's machine loses power and is back after a second; the client plays",
     "server_host_down", kFirewall | kDestroy | kBoot | kTwin,
     "connect; play; power-off; wait 1000; heal; await c 8000"},
    {"H_server_reboot_idle_ka", "", "the same; the client is idle and has a keepalive", "server_host_down",
     kFirewall | kDestroy | kBoot | kTwin, "quiet; keepalive c; power-off; wait 1000; heal; await c 8000"},
    {"H_backlog_never_accepted", "", "the server never accepts, and dies; the client tries again", "server_died", kTwin,
     "s accept off; s listen {s}; c connect {s} {port}; c send 64; acked c; s-signal KILL; s-gone; await c 3000; c "
     "reconnect"},
    {"E_server_poweroff_silent_ut4", "", "the server's machine goes off, the router says nothing; the client plays",
     "server_host_down", kFirewall | kDestroy | kBoot | kTwin,
     "connect; c opt ut 3000; play; power-off; await c 12000"},
    {"E_server_poweroff_silent_ut4_recverr", "", "the same; the client asked for routers' words", "server_host_down",
     kFirewall | kDestroy | kBoot | kTwin, "connect; c opt ut 3000; c opt errors 1; play; power-off; await c 12000"},
    {"E_server_poweroff_silent_idle_ka", "", "the same; the client is idle and has a keepalive", "server_host_down",
     kFirewall | kDestroy | kBoot | kTwin, "quiet; keepalive c; power-off; await c 9000"},
    {"E_server_poweroff_arpfail_ut4", "", "the server's machine goes off, the router cannot find it and says so",
     "server_host_down", kFirewall | kDestroy | kBoot, "connect; c opt ut 4000; play; vanish; await c 12000"},
    {"E_server_poweroff_arpfail_idle_ka", "", "the same; the client is idle and has a keepalive", "server_host_down",
     kFirewall | kDestroy | kBoot, "quiet; keepalive c; vanish; await c 9000"},
    {"E_server_poweroff_nsdel_ut4", "", "the server's machine goes off, the router has no route and says so",
     "server_host_down", kFirewall | kDestroy | kBoot | kTwin,
     "connect; c opt ut 3000; play; power-off; r-ip link del s0; heal; await c 12000"},
    {"E_server_poweroff_nsdel_ut4_recverr", "", "the same; the client asked for routers' words", "server_host_down",
     kFirewall | kDestroy | kBoot | kTwin,
     "connect; c opt ut 3000; c opt errors 1; play; power-off; r-ip link del s0; heal; await c 12000"},
};

}  // namespace

CaseTable ServerEndCases() { return {kCases, kCases + sizeof kCases / sizeof *kCases}; }

}  // namespace close_lab
