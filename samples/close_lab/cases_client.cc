// The client's side ends, stops or sleeps.
#include "close_lab/cases.h"

namespace close_lab {
namespace {

constexpr Case kCases[] = {
    {"D_close_empty", "", "close, nothing unread; the server is passive", "local_close", kNothing,
     "quiet; c close; await s 3000"},
    {"D_close_unread", "", "close with 500 bytes unread; the server is passive", "local_close", kTwin,
     "quiet; unread c; c close; await s 3000"},
    {"D_close_empty_srvhb", "", "close, nothing unread; the server sends without looking", "local_close", kNothing,
     "quiet; s read off; s beat 64 50; wait 200; c close; await s 3000"},
    {"D_logout_announced", "", "the client says that it leaves, half-closes and closes", "local_close", kTwin,
     "quiet; c announce logout; c half-close; await s 3000; await c 3000"},
    {"D_exit_empty", "", "exit, nothing unread; the server is passive", "clean_exit", kNothing,
     "quiet; c end exit; c-gone; await s 3000"},
    {"D_exit_unread", "", "exit with 500 bytes unread; the server is passive", "clean_exit", kTwin,
     "quiet; unread c; c end exit; c-gone; await s 3000"},
    {"D_exit_empty_srvhb", "", "exit, nothing unread; the server sends without looking", "clean_exit", kNothing,
     "quiet; s read off; s beat 64 50; wait 200; c end exit; c-gone; await s 3000"},
    {"D_exit_noted", "", "the game announces its exit and ends at once", "clean_exit", kNothing,
     "quiet; c end exit-note; c-gone; await s 3000"},
    {"D_exit_at_once", "", "_exit without a word", "client_killed", kNothing,
     "quiet; c end _exit; c-gone; await s 3000"},
    {"D_kill9_empty", "", "kill -9, nothing unread; the server is passive", "client_killed", kTwin,
     "quiet; c-signal KILL; c-gone; await s 3000"},
    {"D_kill9_unread", "", "kill -9 with 500 bytes unread; the server is passive", "client_killed", kTwin,
     "quiet; unread c; c-signal KILL; c-gone; await s 3000"},
    {"D_kill9_empty_srvhb", "", "kill -9, nothing unread; the server sends without looking", "client_killed", kNothing,
     "quiet; s read off; s beat 64 50; wait 200; c-signal KILL; c-gone; await s 3000"},
    {"D_segv_empty", "", "crash, nothing unread; the server is passive", "client_crash", kNothing,
     "quiet; c end segv; c-gone; await s 3000"},
    {"D_segv_unread", "", "crash with 500 bytes unread; the server is passive", "client_crash", kTwin,
     "quiet; unread c; c end segv; c-gone; await s 3000"},
    {"D_segv_empty_srvhb", "", "crash, nothing unread; the server sends without looking", "client_crash", kNothing,
     "quiet; s read off; s beat 64 50; wait 200; c end segv; c-gone; await s 3000"},
    {"D_segv_crash_handler_2.5s", "", "crash; the game's own crash reporter holds the process for 2.5 s",
     "client_crash", kNothing, "quiet; c end segv-reporter; c-gone; await s 5000"},
    {"D_abort_empty", "", "abort, nothing unread; the server is passive", "client_crash", kNothing,
     "quiet; c end abort; c-gone; await s 3000"},
    {"D_abort_unread", "", "abort with 500 bytes unread; the server is passive", "client_crash", kTwin,
     "quiet; unread c; c end abort; c-gone; await s 3000"},
    {"D_abort_empty_srvhb", "", "abort, nothing unread; the server sends without looking", "client_crash", kNothing,
     "quiet; s read off; s beat 64 50; wait 200; c end abort; c-gone; await s 3000"},
    {"D_sigterm_empty", "", "SIGTERM, nothing unread; the server is passive", "client_killed", kNothing,
     "quiet; c-signal TERM; c-gone; await s 3000"},
    {"D_sigterm_unread", "", "SIGTERM with 500 bytes unread; the server is passive", "client_killed", kTwin,
     "quiet; unread c; c-signal TERM; c-gone; await s 3000"},
    {"D_sigterm_empty_srvhb", "", "SIGTERM, nothing unread; the server sends without looking", "client_killed",
     kNothing, "quiet; s read off; s beat 64 50; wait 200; c-signal TERM; c-gone; await s 3000"},
    {"D_hang_sigstop", "", "the client stands still; its machine acknowledges, the server waits 3 s; then killed",
     "client_hang", kTwin, "connect; play; c-signal STOP; s patience 3000; await s 6000; c-signal KILL; c-gone"},
    {"D_hang_sigstop_flood", "", "the client stands still, the server floods until its window closes; then killed",
     "client_hang", kNothing,
     "small-window c; connect; play; c-signal STOP; s opt ut 3000; s send-full; s beat 64 100; await s 9000; c-signal "
     "KILL; c-gone"},
    {"D_hang_main_loop", "", "the client's main loop stops, the process lives; killed after 6 s", "client_hang", kTwin,
     "connect; play; c freeze; s patience 3000; await s 6000; wait 3000; c-signal KILL; c-gone"},
    // A client whose network had ended the connection before is not killed by its later death.
    {"D_drop_then_kill", "", "the path breaks, the client notices; then the player kills the game", "path_timeout",
     kFirewall | kTwin, "connect; both opt ut 3000; play; drop; await c 12000; await s 12000; c-signal KILL; c-gone"},
    {"J_suspend_srv_kick", "", "suspended for 4 s, longer than the server waits; the link stays up", "client_suspended",
     kTwin, "connect; play; c-signal STOP; s patience 2000; await s 4000; wait 2200; c-signal CONT; await c 3000"},
    {"J_suspend_link_down_srv_aborted", "", "suspended with the network off for 5 s; the server gave up",
     "client_suspended", kNothing,
     "connect; s opt ut 2000; play; c-signal STOP; r-ip link set c0 down; await s 8000; wait 2000; r-ip link set c0 "
     "up; wait 300; c-signal CONT; await c 5000"},
    {"J_short_stall_2s", "", "frozen for 2 s, and nobody minds", "-", kNothing,
     "connect; play; c-signal STOP; wait 2000; c-signal CONT; wait 1500"},
    // The same ends when packets take their time.
    {"R_rtt60_crash_unread_stream20ms", "", "60 ms round trip, the server sends every 20 ms; killed with unread data",
     "client_killed", kRelay | kTwin,
     "connect; c read off; s beat 64 20; unread-at c 640; c-signal KILL; c-gone; await s 3000"},
    {"R_rtt60_crash_unread_stream100ms", "", "60 ms round trip, the server sends every 100 ms; killed with unread data",
     "client_killed", kRelay,
     "connect; c read off; s beat 64 100; unread-at c 256; c-signal KILL; c-gone; await s 3000"},
    {"R_rtt60_crash_unread_stream500ms", "", "60 ms round trip, the server sends every 500 ms; killed with unread data",
     "client_killed", kRelay,
     "connect; c read off; s beat 64 500; unread-at c 64; c-signal KILL; c-gone; await s 3000"},
    {"R_rtt60_crash_reading_stream20ms", "", "60 ms round trip, the server sends every 20 ms; killed while reading",
     "client_killed", kRelay, "connect; s beat 64 20; hear c 640; c-signal KILL; c-gone; await s 3000"},
    {"R_rtt60_linger0_reading_stream20ms", "", "60 ms round trip; the client's socket is destroyed while reading",
     "local_abort", kRelay | kDestroy, "connect; s beat 64 20; hear c 640; destroy c; await c 3000; await s 3000"},
};

}  // namespace

CaseTable ClientEndCases() { return {kCases, kCases + sizeof kCases / sizeof *kCases}; }

}  // namespace close_lab
