// Something between the two machines: loss, rejections, middleboxes, forgotten address translation, MTU.
#include "close_lab/cases.h"

namespace close_lab {
namespace {

constexpr char kDropsLikeAPath[] =
    "a translator that drops what it forgot looks like a broken path to the end that talks, and the other end is "
    "silent";

constexpr Case kCases[] = {
    {"G_drop_ut4_active", "", "the router drops everything; both play", "path_timeout", kFirewall | kTwin,
     "connect; both opt ut 3000; play; drop; await c 12000; await s 12000"},
    {"G_drop_ka113_idle", "", "the router drops everything; both idle, with a keepalive", "path_timeout",
     kFirewall | kTwin, "quiet; keepalive both; drop; await c 9000; await s 9000"},
    {"G_drop_none_idle", "", "the router drops everything; both idle, without a time-out", "-", kFirewall,
     "quiet; drop; wait 3000"},
    {"G_drop_recverr_ut4_active", "", "the router drops everything; both play, the client asked for routers' words",
     "path_timeout", kFirewall | kTwin,
     "connect; both opt ut 3000; c opt errors 1; play; drop; await c 12000; await s 12000"},
    {"G_drop_recverr_ut4_idle", "", "the same, and both are idle", "-", kFirewall,
     "quiet; both opt ut 3000; c opt errors 1; drop; wait 3500"},
    {"G_drop_apphb3_active", "", "the router drops everything; the client's own time-out comes first", "path_timeout",
     kFirewall | kTwin, "connect; play; c patience 3000; drop; await c 12000"},
    {"G_drop_c2s_only", "", "the router drops what the client sends", "path_timeout", kFirewall | kTwin,
     "connect; both opt ut 3000; play; r-fw -A FORWARD -s {c} -j DROP; await c 12000; await s 12000"},
    {"G_drop_s2c_only", "", "the router drops what the server sends", "path_timeout", kFirewall | kTwin,
     "connect; both opt ut 3000; play; r-fw -A FORWARD -s {s} -j DROP; await c 12000; await s 12000"},
    {"G_brief_outage_3s", "", "the router drops everything for 3 s", "-", kFirewall,
     "connect; both opt ut 10000; play; drop; wait 3000; heal; wait 3500"},
    {"G_icmp_host_unreach_ut4", "", "the router says: no such host", "path_unreachable", kFirewall | kTwin,
     "connect; both opt ut 3000; play; reject {r-host}; await c 12000; await s 12000"},
    {"G_icmp_host_unreach_recverr_ut4", "", "the same; the client asked for routers' words", "path_unreachable",
     kFirewall | kTwin,
     "connect; both opt ut 3000; c opt errors 1; play; reject {r-host}; await c 12000; await s 12000"},
    {"G_icmp_net_unreach_recverr_ut4", "", "the router says: no such network; the client asked for routers' words",
     "path_unreachable", kFirewall | kTwin,
     "connect; both opt ut 3000; c opt errors 1; play; reject {r-net}; await c 12000; await s 12000"},
    {"G_icmp_admin_prohib_ut4", "", "the router says: forbidden", "path_unreachable", kFirewall | kTwin,
     "connect; both opt ut 3000; play; reject {r-admin}; await c 12000; await s 12000"},
    {"G_icmp_port_unreach_ut4", "", "the router says: no such port", "path_unreachable", kFirewall | kTwin,
     "connect; both opt ut 3000; play; reject {r-port}; await c 12000; await s 12000"},
    {"G_icmp_port_unreach_recverr_ut4", "", "the same; the client asked for routers' words", "path_unreachable",
     kFirewall | kTwin,
     "connect; both opt ut 3000; c opt errors 1; play; reject {r-port}; await c 12000; await s 12000"},
    {"G_rst_both_active", "", "a middlebox answers both with a reset; both play", "path_reset", kFirewall | kTwin,
     "connect; play; reject tcp-reset; await c 3000; await s 3000"},
    {"G_rst_both_server_idle", "", "a middlebox answers the client with a reset; the server is idle", "path_reset",
     kFirewall, "connect; c beat 64 200; hear s 192; reject tcp-reset; await c 3000; wait 1000", "path_state_lost",
     "one end was reset and the other is silent: a middlebox's reset or its lost state"},
    {"G_rst_both_server_idle_ka", "", "the same; the server has a keepalive", "path_reset", kFirewall | kTwin,
     "connect; keepalive s; c beat 64 200; hear s 192; reject tcp-reset; await c 3000; await s 4000"},
    {"G_drop_then_rst", "", "a firewall forgets: 1.5 s of silence, then resets", "path_state_lost", kFirewall | kTwin,
     "connect; play; drop; wait 1500; reject tcp-reset; await c 4000; await s 4000"},
    // Sends that follow each other faster than TCP's timers, which they put off.
    {"R_rtt60_drop_fast_beats", "", "60 ms round trip, both send every 33 ms; the router drops everything",
     "path_timeout", kFirewall | kRelay | kTwin,
     "fast; c patience 3000; s patience 3000; drop; await c 6000; await s 6000"},
    {"R_rtt60_drop_then_rst_fast_beats", "", "60 ms round trip, both send every 33 ms; 2 s of silence, then resets",
     "path_state_lost", kFirewall | kRelay | kTwin,
     "fast; drop; wait 2000; reject tcp-reset; await c 4000; await s 4000"},
    {"R_rtt60_rst_fast_beats", "", "60 ms round trip, both send every 33 ms; a middlebox resets both", "path_reset",
     kFirewall | kRelay | kTwin, "fast; reject tcp-reset; await c 4000; await s 4000"},
    {"R_rtt60_linger0_fast_beats", "", "60 ms round trip, both send every 33 ms; the server closes with SO_LINGER 0",
     "server_reset", kRelay | kTwin, "fast; s opt linger0; s close; await c 4000"},
    {"R_rtt60_server_hang_fast_beats", "", "60 ms round trip, both send every 33 ms; the server stands still",
     "server_hang", kRelay | kTwin, "fast; s-signal STOP; c patience 3000; await c 6000; s-signal CONT; await s 4000"},
    {"L_default_retransmission_drop", "4.1-1", "the router drops everything; no time-out but the system's, shortened",
     "path_timeout", kFirewall,
     "c-sysctl net/ipv4/tcp_retries2 3; s-sysctl net/ipv4/tcp_retries2 3; connect; both beat 64 500; hear c 128; hear "
     "s 128; drop; await c 20000; await s 20000"},
    {"L_default_retransmission_icmphost", "4.1-1", "the router says: no such host; the system's time-out, shortened",
     "path_unreachable", kFirewall,
     "c-sysctl net/ipv4/tcp_retries2 3; s-sysctl net/ipv4/tcp_retries2 3; connect; both beat 64 500; hear c 128; hear "
     "s 128; reject {r-host}; await c 25000; await s 25000"},
    {"M_tcp_pmtu_ok", "", "the path becomes narrow and the router says so", "-", kTwin,
     "connect; narrow; c beat 4000 200; wait 2500"},
    {"M_tcp_pmtu_blackhole", "", "the path becomes narrow and nobody says so: large packets vanish", "path_mtu",
     kFirewall | kTwin,
     "connect; c opt ut 3000; s beat 64 200; hear c 128; mute-router; narrow; c beat 4000 200; await c 12000; await s "
     "5000"},
    // The router translates addresses and forgets; loose: it takes up what it does not know.
    {"N_nat_loose_client_talks", "", "translation lost, the client talks: taken up again", "-", kConntrack,
     "nat 1; quiet; forget; c beat 64 200; wait 2500"},
    {"N_nat_loose_server_talks", "", "translation lost, the server talks", "path_state_lost", kConntrack,
     "nat 1; quiet; forget; s beat 64 200; await s 4000; wait 300"},
    {"N_nat_loose_both", "", "translation lost, both talk: taken up again", "-", kConntrack,
     "nat 1; quiet; forget; c send 64; settle; both beat 64 200; wait 2000"},
    {"N_nat_strict_client_talks", "", "translation lost for good, the client talks", "path_state_lost", kConntrack,
     "nat 0; quiet; forget; c beat 64 200; await c 4000; wait 300"},
    {"N_nat_strict_server_talks", "", "translation lost for good, the server talks", "path_state_lost", kConntrack,
     "nat 0; quiet; forget; s beat 64 200; await s 4000; wait 300"},
    {"N_nat_strict_dropinvalid_client_talks", "", "the same, the unknown is dropped; the client talks",
     "path_state_lost", kConntrack,
     "nat 0; invalid DROP; quiet; c opt ut 3000; forget; c beat 64 200; await c 12000; wait 300", "path_timeout",
     kDropsLikeAPath},
    {"N_nat_strict_dropinvalid_client_talks_ka", "", "the same; the server has a keepalive", "path_state_lost",
     kConntrack,
     "nat 0; invalid DROP; quiet; keepalive s; c opt ut 3000; forget; c beat 64 200; await s 6000; await c 12000"},
    {"N_nat_strict_dropinvalid_server_talks", "", "the same, the unknown is dropped; the server talks",
     "path_state_lost", kConntrack, "nat 0; invalid DROP; quiet; forget; s beat 64 200; await s 8000; wait 300"},
    {"N_nat_remap_both_talk", "", "translation lost, the client gets another port; nobody answers the server any more",
     "path_state_lost", kConntrack,
     "nat 1; r-fw -t nat -I POSTROUTING -o s0 -p tcp -j MASQUERADE --random-fully; r-fw -A INPUT -i s0 -p tcp -j DROP; "
     "connect; s opt ut 3000; play; forget; await c 4000; await s 12000"},
    {"N_nat_strict_rstinvalid_client_talks", "", "the same, the unknown is reset; the client talks", "path_state_lost",
     kConntrack, "nat 0; invalid REJECT --reject-with tcp-reset; quiet; forget; c beat 64 200; await c 4000; wait 300"},
    {"N_nat_strict_rstinvalid_server_talks", "", "the same, the unknown is reset; the server talks", "path_state_lost",
     kConntrack, "nat 0; invalid REJECT --reject-with tcp-reset; quiet; forget; s beat 64 200; await s 4000; wait 300"},
};

}  // namespace

CaseTable PathCases() { return {kCases, kCases + sizeof kCases / sizeof *kCases}; }

}  // namespace close_lab
