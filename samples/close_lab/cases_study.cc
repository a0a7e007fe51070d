// The study's own experiments, by its numbers. Where it tells of two peers, both are Linux here.
#include "close_lab/cases.h"

namespace close_lab {
namespace {

constexpr Case kCases[] = {
    // 4.1: the client ends, the server only receives.
    {"A41_cable_kill_nokeepalive", "4.1-1", "cable out, then the client is killed; the server has no time-out",
     "local_link_down", kNothing, "quiet; cable-out; wait 1500; c-signal KILL; c-gone; wait 1000"},
    {"A41_cable_kill_keepalive", "4.1-1", "cable out, then the client is killed; the server has a keepalive",
     "local_link_down", kTwin,
     "connect; keepalive s; c send 1000 10; settle; cable-out; wait 1500; c-signal KILL; c-gone; await s 8000"},
    {"A41_close_only", "4.1-2", "the client sends and closes, the server reads later", "local_close", kTwin,
     "connect; s read off; c send 1000 80; c close; wait 500; s read on; await s 3000"},
    {"A41_exit_noclose", "4.1-3", "the client sends and exits without closing", "clean_exit", kTwin,
     "connect; s read off; c send 1000 80; c end exit; c-gone; wait 500; s read on; await s 3000"},
    {"A41_exit_big_sndqueue", "4.1-3", "the client exits with more queued than the server's window takes", "clean_exit",
     kNothing,
     "small-window s; connect; s read off; c send-full; c end exit; c-gone; wait 1000; s read on; await s 3000"},
    {"A41_segv", "4.1-4", "the client sends and crashes", "client_crash", kTwin,
     "connect; s read off; c send 1000 80; c end segv; c-gone; wait 500; s read on; await s 3000"},
    {"A41_kill9_big_sndqueue", "4.1-4", "the client is killed with more queued than the server's window takes",
     "client_killed", kNothing,
     "small-window s; connect; s read off; c send-full; c-signal KILL; c-gone; wait 1000; s read on; await s 3000"},
    // 4.2: the client ends, the server sends.
    {"A42_during_replies_close", "4.2-1", "the client closes with replies unread", "local_close", kTwin,
     "connect; c read off; s beat 100 20; unread-at c 1000; c close; await s 3000"},
    {"A42_kill9", "4.2-2", "the client sends and is killed, the server then answers each message", "client_killed",
     kNothing,
     "connect; s read off; c send 1000 20; acked c; c-signal KILL; c-gone; wait 300; s send 100 5 50; await s 3000"},
    {"A42_during_replies_exit", "4.2-2", "the client exits with replies unread", "clean_exit", kNothing,
     "connect; c read off; s beat 100 20; unread-at c 1000; c end exit; c-gone; await s 3000"},
    {"A42_during_replies_kill9", "4.2-2", "the client is killed with replies unread", "client_killed", kTwin,
     "connect; c read off; s beat 100 20; unread-at c 1000; c-signal KILL; c-gone; await s 3000"},
    // 5.2: the server ends, the client sends.
    {"C51_server_closed_client_sends_twice", "5.2-1", "the server closed, the client sends twice", "server_close",
     kTwin, "quiet; c read off; s close; arrived c; c send 10 2 50; c read now"},
    {"C51b_sends_back_to_back", "5.2-1", "the server closed, the client sends twice without a pause", "server_close",
     kNothing, "quiet; c read off; s close; arrived c; c send 10 2 0; c read now"},
    {"C51c_soerror_first", "5.2-1", "the server closed, the client sends, takes SO_ERROR away, sends", "server_close",
     kNothing, "quiet; c read off; s close; arrived c; c send 10; broken c; c take-error; c send 10; c read now"},
    {"C52_data_then_close_client_send_recv", "5.2-2", "the server sends and closes, the client sends, then receives",
     "server_close", kTwin, "connect; c read off; s send 1000 3; s close; arrived c; c send 10; broken c; c read now"},
    {"C52b_data_then_close_client_send_send_recv", "5.2-2", "the same, and the client sends twice", "server_close",
     kNothing, "connect; c read off; s send 1000 3; s close; arrived c; c send 10 2 50; c read now"},
    {"C53_server_close_unread_client_recv", "5.2-3", "the server closes with unread data", "server_reset", kTwin,
     "connect; s read off; c send 100; acked c; s close; await c 3000"},
    // 5.3: the server sends the player to another server.
    {"C54_jump_v1_soerr_first", "5.3-1", "closed with unread data behind a message; the client takes SO_ERROR away",
     "server_reset", kNothing,
     "connect; c read off; s read off; c send 100; acked c; s send 1000; s close; broken c; c take-error; c send 10; c "
     "read now"},
    {"C54_jump_v1_big_msg", "5.3-1", "the same, and the message is larger than the client's window", "server_reset",
     kNothing,
     "small-window c; connect; c read off; s read off; c send 100; acked c; s send-full; s close; broken c; c read "
     "now"},
    {"C54b_big_msg_no_unread", "5.3-1", "the same message, and nothing unread", "server_close", kTwin,
     "small-window c; connect; c read off; s send-full; s close; wait 100; c read on; await c 20000"},
    {"C54d_transfer_unread_lost", "5.3-1", "a transfer, announced behind much, closed with unread data",
     "server_transfer", kTwin,
     "small-window c; connect; c read off; s read off; c send 100; acked c; s send 20000; s announce transfer; s "
     "close; broken c; c read now; untold c"},
    {"C54e_transfer_unread_right_order", "5.3-1",
     "the same, but half-closed, drained, then closed: the message arrives", "server_transfer", kTwin,
     "small-window c; connect; c read off; s read off; c send 100; acked c; s send 20000; s announce transfer; s "
     "half-close; s read on; c read on; await c 3000; await s 3000; told c"},
    {"C55_jump_v2_recv_first", "5.3-2", "a message and a close; the client sends once, then receives", "server_close",
     kNothing, "connect; c read off; s send 1000; s close; arrived c; c send 10; broken c; c read now"},
    {"C55_jump_v2_send_send", "5.3-2", "a message and a close; the client sends twice, then receives", "server_close",
     kNothing, "connect; c read off; s send 1000; s close; arrived c; c send 10 2 50; c read now"},
    {"C55t_transfer_right_order", "5.3-2", "a transfer: announced, half-closed, drained, closed", "server_transfer",
     kTwin, "connect; play; s announce transfer; s half-close; await c 3000; await s 3000; told c"},
    {"C55u_transfer_client_sends", "5.3-2", "a transfer: announced and closed while the client sends",
     "server_transfer", kTwin, "connect; play; c beat 64 20; hear s 640; s announce transfer; s close; await c 3000"},
    {"C56_project_b_live", "5.3-1", "the client plays; the server does not read, sends a message and closes",
     "server_reset", kTwin, "connect; s read off; c beat 64 20; unread-at s 640; s send 1000; s close; await c 3000"},
    {"C57_project_b_live_drained", "5.3-2",
     "the server has read all, sends a message and closes; the client sends on blindly", "server_close", kTwin,
     "connect; c read off; c beat 64 20; hear s 640; c beat 0 0; settle; s send 1000; s close; c beat 64 20; await c "
     "3000"},
    // 6
    {"H_linger0_idle", "6", "the server closes with SO_LINGER 0, the client is idle", "server_reset", kTwin,
     "connect; s opt linger0; s close; await c 3000"},
    {"H_linger0_active", "6", "the server closes with SO_LINGER 0, both play", "server_reset", kTwin,
     "connect; play; s opt linger0; s close; await c 3000"},
    {"D_linger0", "6", "the client closes with SO_LINGER 0", "local_close", kTwin,
     "connect; play; c opt linger0; c close; await s 3000"},
    {"M_router_dies_on_udp_frag", "6", "the router forgets the host after a datagram larger than the path's MTU",
     "path_timeout", kFirewall,
     "wedging; connect; both opt ut 3000; play; c stray {s} 9 3000; await c 12000; await s 12000"},
    {"U_emsgsize_local_mtu", "6", "a datagram larger than the own link's MTU, not to be cut", "path_mtu", kTwin,
     "echo; c opt df 1; c send 3000"},
    {"U_emsgsize_path_mtu", "6", "a datagram larger than the path's MTU, and the router says so", "path_mtu", kTwin,
     "echo; narrow; c opt df 1; c send 1400; wait 300; c send 1400"},
    {"U_pmtu_blackhole", "6", "datagrams larger than the path's MTU vanish, small ones pass: nobody tells", "-",
     kFirewall | kTwin,
     "echo; narrow; mute-router; c opt df 1; c send 1400; wait 200; c send 900; wait 200; c send 1400; wait 500"},
    {"U_emsgsize_unconnected", "6", "a datagram larger than the own link's MTU, not to be cut, to nobody in particular",
     "path_mtu", kTwin, "echo unconnected; c opt df 1; c send 3000"},
    {"U_oversize_wedges_router", "6", "the router forgets the host after the client's own oversize datagram",
     "path_timeout", kFirewall, "wedging; echo; c opt df 0; c patience 2000; c send 3000; c beat 64 200; await c 5000"},
    {"U_frag_dontdf", "6", "a large datagram that may be cut arrives", "-", kNothing,
     "echo; c opt df 0; c send 3000; wait 500"},
};

}  // namespace

CaseTable StudyCases() { return {kCases, kCases + sizeof kCases / sizeof *kCases}; }

}  // namespace close_lab
