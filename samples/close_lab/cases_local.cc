// The client's own machine: cable, interface, address, route, firewall, destroyed socket.
#include "close_lab/cases.h"

namespace close_lab {
namespace {

constexpr char kAnswersForThePeer[] =
    "the client's own firewall answers in the path's name: neither end can see who spoke";

constexpr Case kCases[] = {
    {"F_carrier_lost_ut4", "", "cable out; both play", "local_link_down", kTwin,
     "connect; both opt ut 3000; play; cable-out; await c 12000; await s 12000"},
    {"F_carrier_lost_recverr", "", "cable out; the client asked for routers' words", "local_link_down", kTwin,
     "connect; both opt ut 3000; c opt errors 1; play; cable-out; await c 12000; await s 12000"},
    {"F_if_admin_down_ut4", "", "the client's interface is switched off; both play", "local_link_down", kTwin,
     "connect; both opt ut 3000; play; c-ip link set eth0 down; await c 12000; await s 12000"},
    {"F_if_admin_down_none", "", "the same without a time-out; the player gives up after 4 s", "local_link_down", kTwin,
     "connect; s opt ut 3000; play; c-ip link set eth0 down; wait 4500; c close; await s 9000"},
    {"F_if_admin_down_idle_ka", "", "the same, idle with a keepalive", "local_link_down", kTwin,
     "quiet; keepalive both; c-ip link set eth0 down; await c 9000; await s 9000"},
    {"F_if_admin_down_recverr", "", "the same; the client asked for routers' words", "local_link_down", kTwin,
     "connect; both opt ut 3000; c opt errors 1; play; c-ip link set eth0 down; await c 12000; await s 12000"},
    {"F_iface_deleted_ut4", "", "the client's interface disappears; both play", "local_link_down", kTwin,
     "connect; both opt ut 3000; play; c-ip link del eth0; await c 12000; await s 12000"},
    {"F_default_route_gone_ut4", "", "the client loses its default route; both play", "local_no_route", kTwin,
     "connect; both opt ut 3000; play; c-ip route del default; await c 15000; await s 12000"},
    {"F_default_route_gone_idle_ka", "", "the same, idle with a keepalive", "local_no_route", kTwin,
     "quiet; keepalive both; c-ip route del default; await c 9000; await s 9000"},
    {"F_default_route_gone_recverr", "", "the same; the client asked for routers' words", "local_no_route", kTwin,
     "connect; both opt ut 3000; c opt errors 1; play; c-ip route del default; await c 15000; await s 12000"},
    {"F_ifdown_flap_2s_noroute", "", "the interface is off for 2 s, and the default route does not come back",
     "local_no_route", kNothing,
     "connect; both opt ut 4000; play; c-ip link set eth0 down; wait 2000; c-ip link set eth0 up; await c 15000; await "
     "s 12000"},
    {"F_addr_removed_ut4", "", "the client's address is removed; both play", "local_address_changed", kTwin,
     "connect; both opt ut 3000; play; c-ip address del {c}/{wide} dev eth0; await c 12000; await s 12000"},
    {"F_addr_removed_none", "", "the same without a time-out; the player gives up after 4 s", "local_address_changed",
     kTwin, "connect; s opt ut 3000; play; c-ip address del {c}/{wide} dev eth0; wait 4500; c close; await s 9000"},
    {"F_addr_removed_idle_ka", "", "the same, idle with a keepalive", "local_address_changed", kTwin,
     "quiet; keepalive both; c-ip address del {c}/{wide} dev eth0; await c 9000; await s 9000"},
    {"F_addr_removed_recverr", "", "the same; the client asked for routers' words", "local_address_changed", kTwin,
     "connect; both opt ut 3000; c opt errors 1; play; c-ip address del {c}/{wide} dev eth0; await c 12000; await s "
     "12000"},
    {"F_addr_changed_ut4", "", "another network: new address and route, the old one is gone; both play",
     "local_address_changed", kTwin,
     "connect; both opt ut 3000; play; c-ip address del {c}/{wide} dev eth0; c-ip address add {c-new}/{wide} dev eth0; "
     "c-ip route replace default via {gc}; await c 12000; await s 12000"},
    {"F_sock_destroy_ut4", "", "the system destroys the client's socket; both play", "local_abort", kDestroy | kTwin,
     "connect; play; destroy c; await c 3000; await s 3000"},
    {"F_local_fw_drop_ut4", "", "the client's own firewall begins to drop; both play", "local_firewall",
     kFirewall | kTwin, "connect; both opt ut 3000; play; c-fw -A OUTPUT -p tcp -j DROP; await c 20000; await s 12000"},
    // The client talks first: a bare acknowledgement that is refused leaves no trace in the socket.
    {"F_local_fw_rst_ut4", "", "the client's own firewall answers what the client sends with resets", "local_firewall",
     kFirewall | kTwin,
     "connect; both opt ut 3000; play; both beat 0 0; settle; c-fw -A OUTPUT -o eth0 -p tcp -j REJECT --reject-with "
     "tcp-reset; c beat 64 200; await c 4000; s beat 64 200; await s 12000",
     "reset_ambiguous", kAnswersForThePeer},
    {"F_local_fw_icmp_ut4", "", "the client's own firewall says: forbidden; both play", "local_firewall",
     kFirewall | kTwin,
     "connect; both opt ut 3000; play; c-fw -A OUTPUT -o eth0 -p tcp -j REJECT --reject-with {r-admin}; await c 20000; "
     "await s 12000",
     "path_unreachable", kAnswersForThePeer},
    {"R_rtt60_local_fw_drop_fast_beats", "", "60 ms round trip, both send every 33 ms; the own firewall drops",
     "local_firewall", kFirewall | kRelay, "fast; c patience 3000; c-fw -A OUTPUT -p tcp -j DROP; await c 6000"},
    {"R_rtt60_local_fw_rst_fast_beats", "", "60 ms round trip, both send every 33 ms; the own firewall resets",
     "local_firewall", kFirewall | kRelay,
     "fast; s opt ut 3000; c-fw -A OUTPUT -o eth0 -p tcp -j REJECT --reject-with tcp-reset; await c 4000; "
     "await s 12000"},
};

}  // namespace

CaseTable LocalFaultCases() { return {kCases, kCases + sizeof kCases / sizeof *kCases}; }

}  // namespace close_lab
