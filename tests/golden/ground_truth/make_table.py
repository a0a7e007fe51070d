#!/usr/bin/env python3
"""Turns the recorded closes into closes.txt, which the replay test reads: one line a close,
id cause client{field=value ...} server{...}, only what the SDK itself would have taken at that end.
The true cause stands in its own column and feeds no field. Also writes allowed.txt from the allowed verdicts."""
import gzip
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = {"ECONNRESET": (1, 104), "ECONNABORTED": (2, 103), "ETIMEDOUT": (4, 110), "EHOSTUNREACH": (5, 113),
         "ENETUNREACH": (6, 101), "ECONNREFUSED": (9, 111), "EPIPE": (10, 32), "EACCES": (11, 13), "EPERM": (12, 1),
         "EMSGSIZE": (13, 90)}
STATES = {"ESTABLISHED": 1, "FIN_WAIT1": 4, "FIN_WAIT2": 5, "CLOSE": 7, "CLOSE_WAIT": 8, "LAST_ACK": 9}
TCP = {"retransmits": "retransmits", "probes": "probes", "notsent_bytes": "notsent_bytes", "snd_wnd": "snd_wnd_bytes",
       "last_ack_recv": "last_ack_recv_ms", "last_data_recv": "last_data_recv_ms", "rtt": "rtt_us",
       "min_rtt": "min_rtt_us", "snd_mss": "snd_mss_bytes", "pmtu": "path_mtu_bytes", "backoff": "backoff",
       "total_rto": "total_rto", "total_retrans": "total_retrans"}


def milliseconds(seconds):
    return int(round(seconds * 1000))


def failure(seen, connecting):
    call, name = seen.get("call"), seen.get("errno_name")
    if call == "app_heartbeat_timeout":
        return {"error_kind": 0, "operation": 7}
    # A send that went well, then recv returned 0: the application reports the peer's close.
    drained = call == "send" and name == "NONE" and (seen.get("calls_after") or [{}])[0] == {"call": "recv", "ret": 0}
    if name == "EOF(recv=0)" or drained:
        return {"peer_closed": 1}
    if name not in KINDS:
        return {}
    operation = 2 if connecting else {"send": 4, "recv": 5}.get(call, 6)
    return {"error_kind": KINDS[name][0], "os_error": KINDS[name][1], "operation": operation}


def local_network(seen):
    out = {}
    link = seen.get("link")
    if link:
        devices = link.get("if") or {}
        out["link_up"] = int(any(d.get("carrier") == "1" for d in devices.values()))
        out["route_present"] = int(bool(link.get("default_route")))
    address = seen.get("local_addr_present")
    if address is not None:
        out["local_address_present"] = int(address is True)
    netlink = seen.get("netlink")
    if netlink is not None:
        # Events count from the start of the fault, as the detection does.
        last_recv = (seen.get("latency_s") or 0) - (seen.get("since_recv_ok_s") or float("inf"))
        out["link_down_since_recv"] = int(any(at >= last_recv and ("DOWN" in name or "NOCARRIER" in name or
                                                                   "DELLINK" in name) for at, name in netlink))
    return out


def evidence(close, end):
    seen = close.get(end + "_observation")
    if not seen:
        return None
    udp = close["id"].startswith("U_")
    connecting = not udp and (seen.get("call") == "connect" or seen.get("call") == "poll+SO_ERROR")
    out = {"protocol": 2 if udp else 1, "established": int(not connecting)}
    out.update(failure(seen, connecting))
    out.update(local_network(seen))
    if seen.get("since_recv_ok_s") is not None:
        out["since_recv_ms"] = milliseconds(seen["since_recv_ok_s"])
    # All threads of the recorded process are one loop; a stop of a second or more is a freeze of the process.
    if (seen.get("max_loop_gap_s") or 0) >= 1:
        out["suspended_ms"] = milliseconds(seen["max_loop_gap_s"])
    if udp:
        out["bytes_received"] = seen.get("bytes_recv_app") or 0
    info = close.get("tcp_info_" + end) or {}
    if info and close.get("client_snapshot_is") != "before death" and not udp:
        out.update({TCP[k]: v for k, v in info.items() if k in TCP})
        if info.get("state") in STATES:
            out["tcp_state"] = STATES[info["state"]]
        queues = (close.get("inq_outq") or {}).get(end) or {}
        for key, field in (("inq", "inq_bytes"), ("outq", "outq_bytes")):
            if isinstance(queues.get(key), int):
                out[field] = queues[key]
        if "bytes_sent" in info and "outq_bytes" in out:
            in_flight = out["outq_bytes"] - info["notsent_bytes"]
            tried = info["bytes_sent"] - info["bytes_retrans"]
            out["refused_bytes"] = max(0, tried - info["bytes_acked"] - in_flight)
    return out


def text(fields):
    return "-" if fields is None else ",".join("%s=%d" % (k, v) for k, v in sorted(fields.items()))


def main():
    with gzip.open(os.path.join(HERE, "tcp_closes.json.gz"), "rt") as source:
        closes = json.load(source)
    with open(os.path.join(HERE, "closes.txt"), "w") as table:
        for close in closes:
            table.write(" ".join((close["id"], close["cause"] or "-", text(evidence(close, "client")),
                                  text(evidence(close, "server")))) + "\n")
    with open(os.path.join(HERE, "allowed_client_verdicts.json")) as source:
        allowed = json.load(source)
    with open(os.path.join(HERE, "allowed.txt"), "w") as table:
        for cause, verdicts in allowed.items():
            if cause != "note":
                table.write("%s %s %s\n" % (cause, ",".join(verdicts["exact"]), ",".join(verdicts["wider"]) or "-"))


if __name__ == "__main__":
    main()
