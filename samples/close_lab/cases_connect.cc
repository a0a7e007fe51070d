// Connections that never stood, and datagrams.
#include "close_lab/cases.h"

namespace close_lab {
namespace {

constexpr Case kCases[] = {
    {"I_refused", "", "connect to a port without a listener", "connect_refused", kTwin, "c connect {s} 9"},
    {"I_refused_icmp_port", "", "a firewall rejects the attempt: no such port", "connect_refused", kFirewall | kTwin,
     "s listen {s}; reject {r-port}; c connect {s} {port}"},
    {"I_timeout_synretries2", "", "the attempt is dropped in silence", "connect_timeout", kFirewall | kTwin,
     "few-syns; s listen {s}; drop; c connect {s} {port}"},
    {"I_netunreach_icmp", "", "the router says: no such network", "connect_unreachable", kFirewall | kTwin,
     "s listen {s}; reject {r-net}; c connect {s} {port}"},
    {"I_adminprohib_icmp", "", "the router says: forbidden", "connect_unreachable", kFirewall,
     "s listen {s}; reject {r-admin}; c connect {s} {port}"},
    {"I_hostunreach_arp", "", "nobody on the own network has the address", "connect_unreachable", kTwin,
     "c connect {c-absent} 7777"},
    {"I_netunreach_noroute", "", "the client has no default route", "local_no_route", kTwin,
     "s listen {s}; c-ip route del default; c connect {s} {port}"},
    {"I_nocarrier", "", "the client's cable is out", "local_link_down", kTwin,
     "few-syns; s listen {s}; cable-out; wait 300; c connect {s} {port}"},
    {"I_local_prohibit_route", "", "the client's routing forbids it", "connect_denied", kTwin,
     "s listen {s}; c-ip route add prohibit {s}; c connect {s} {port}"},
    {"I_local_fw_drop", "", "the client's own firewall drops the attempt", "local_firewall", kFirewall,
     "few-syns; s listen {s}; c-fw -A OUTPUT -p tcp -j DROP; c connect {s} {port}", "connect_timeout",
     "an attempt that the own firewall drops looks like one that is lost on the way"},
    {"I_backlog_full", "", "the server's queue of unaccepted connections is full", "connect_timeout", kNothing,
     "few-syns; s accept off; s listen {s} 0; s fill-backlog {s} {port} 3; wait 200; c connect {s} {port}"},
    {"I_accept_then_linger0", "", "the server accepts and resets at once", "server_reset", kNothing,
     "connect; s opt linger0; s close; await c 3000"},
    {"I_resolve_failed", "", "the server's name is not known", "resolve_failed", kNothing,
     "c connect no-such-host.invalid 7"},
    {"U_refused_connected", "", "datagrams to a closed port", "connect_refused", kTwin,
     "c udp {s} 9; c send 10; await c 2000"},
    {"U_refused_unconnected", "", "the same from an unconnected socket: the error is invisible", "connect_refused",
     kNothing, "c udp {s} 9 unconnected; c send 10; wait 500; c send 10; wait 200"},
    {"U_refused_unconnected_recverr", "", "the same; the client asked for routers' words", "connect_refused", kTwin,
     "c udp {s} 9 unconnected; c opt errors 1; c send 10; await c 2000"},
    {"U_icmp_host_recverr", "", "the router says: no such host; the client asked for routers' words",
     "path_unreachable", kFirewall | kTwin, "echo; c opt errors 1; reject-udp {r-host}; c send 10; await c 2000"},
    {"U_icmp_admin", "", "the router says: forbidden", "path_unreachable", kFirewall,
     "echo; reject-udp {r-admin}; c send 10; await c 2000"},
    {"U_icmp_admin_recverr", "", "the same; the client asked for routers' words", "path_unreachable", kFirewall | kTwin,
     "echo; c opt errors 1; reject-udp {r-admin}; c send 10; await c 2000"},
    {"U_netunreach_noroute", "", "the client has no default route any more", "local_no_route", kTwin,
     "echo; c-ip route del default; c send 10; await c 2000"},
    {"U_ifdown", "", "the client's interface is switched off", "local_link_down", kTwin,
     "echo; c-ip link set eth0 down; wait 300; c send 10; await c 2000"},
    {"U_local_fw_drop", "", "the client's own firewall drops datagrams", "local_firewall", kFirewall | kTwin,
     "echo; c-fw -A OUTPUT -p udp -j DROP; c send 10; await c 2000"},
    {"U_server_died", "", "the server dies, its port is closed", "server_died", kTwin,
     "echo; c beat 64 200; wait 500; s-signal KILL; s-gone; await c 3000"},
    {"U_drop_apphb", "", "the router drops everything; the client has a time-out of its own", "path_timeout",
     kFirewall | kTwin, "echo; c beat 64 200; wait 500; drop; c patience 2000; await c 5000"},
};

}  // namespace

CaseTable ConnectCases() { return {kCases, kCases + sizeof kCases / sizeof *kCases}; }

}  // namespace close_lab
