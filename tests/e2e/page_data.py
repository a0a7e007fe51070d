"""A fortnight of a game, the same each time: three versions, the newest of which crashes, and two apps. What the page's
test fills a collector with and what its screenshots show."""
import time

from collector_driver import batch, connection, field, message

TIMES = dict(opened_ms=200, connected_ms=240)
REPORT = dict(failure_ms=1500, ended_ms=1520)
ESTABLISHED = dict(TIMES, established=1, protocol=1, rtt_us=31000)
CLIENT_RESET = dict(ESTABLISHED, error_kind=1, os_error=104, operation=5, since_recv_ms=250, since_send_ms=40,
                    link_up=1, **REPORT)
SERVER_RESET = dict(ESTABLISHED, error_kind=1, os_error=104, operation=5, since_recv_ms=400, **REPORT)
SERVER_TIMEOUT = dict(ESTABLISHED, error_kind=4, os_error=110, operation=6, since_recv_ms=9000, failure_ms=11000,
                      ended_ms=11005)
CLIENT_TIMEOUT = dict(ESTABLISHED, error_kind=4, os_error=110, operation=5, since_recv_ms=8000, link_up=1,
                      retransmits=7, outq_bytes=900, failure_ms=9800, ended_ms=9805)

# How one connection ended: what the client saw, what the server saw, how the client's session ended.
ENDINGS = {
    "crash": (dict(ESTABLISHED, ended_ms=1400, session_end=200, session_end_confidence=3), SERVER_RESET, 200),
    "kill": (dict(ESTABLISHED, ended_ms=1400, session_end=201, session_end_confidence=3), SERVER_RESET, 201),
    "unread": (CLIENT_RESET, dict(ESTABLISHED, closed_locally=1, close_reason=0, unread_at_close_bytes=1400,
                                  ended_ms=1480), 101),
    "link": (dict(CLIENT_TIMEOUT, link_up=0, link_down_since_recv=1), SERVER_TIMEOUT, 101),
    "path": (CLIENT_TIMEOUT, SERVER_TIMEOUT, 101),
    "reset": (CLIENT_RESET, SERVER_RESET, 101),
    "kick": (dict(ESTABLISHED, peer_closed=1, announced_reason=3, failure_ms=1500, ended_ms=1510),
             dict(ESTABLISHED, closed_locally=1, close_reason=3, announced_reason=3, ended_ms=1490), 101),
    "logout": (dict(ESTABLISHED, closed_locally=1, close_reason=2, announced_reason=2, ended_ms=1600),
               dict(ESTABLISHED, peer_closed=1, announced_reason=2, ended_ms=1620), 101),
    "silent": (None, SERVER_RESET, 0),  # the player never came back
}

# Connections of one day: ending -> count, by version.
DAILY = {
    "1.4.0": {"crash": 1, "kill": 1, "unread": 2, "link": 2, "path": 2, "reset": 1, "kick": 1, "logout": 16, "silent": 1},
    "1.9.0": {"crash": 1, "kill": 1, "unread": 2, "link": 2, "path": 1, "reset": 1, "kick": 1, "logout": 22, "silent": 1},
    "1.10.0": {"crash": 9, "kill": 2, "unread": 2, "link": 2, "path": 2, "reset": 1, "kick": 1, "logout": 20, "silent": 2},
}
PLACES = [("libgame.so", 0x4A31C), ("libgame.so", 0x4A31C), ("libgame.so", 0x4A31C), ("libphysics.so", 0x1F08),
          ("libgame.so", 0x9D210)]
DAYS = 14
CRASH_TOKEN = "crash-1.10.0-13-0"  # a connection with a crash that both ends tell
LONE_TOKEN = "silent-1.10.0-13-0"  # one that only the server tells


def _versions(day):
    return [version for version, first, last in (("1.4.0", 0, 6), ("1.9.0", 3, 12), ("1.10.0", 8, 13)) if first <= day <= last]


def _crash_fields(version, day, number):
    if version == "1.10.0":
        module, offset = PLACES[(day + number) % len(PLACES)]
    else:
        module, offset = PLACES[-1]
    report = "" if number % 3 == 2 else "%s-%02d-%02d" % (version, day, number)
    crash = [(1, 11), (4, module), (5, offset)] + ([(7, report)] if report else [])
    return [(11, message(crash))]


def _post(collector, client, data, age_s):
    verdict = collector.post(data, client, X_Whydrop_Age=str(age_s))
    assert verdict == 1, verdict


def _fill_day(collector, client, day, age_s):
    server = []
    for version in _versions(day):
        for ending, count in DAILY[version].items():
            for number in range(count):
                token = "%s-%s-%d-%d" % (ending, version, day, number)
                seen, told, end = ENDINGS[ending]
                endpoint = "gate-%d" % (1 + (number + day) % 3)
                server.append(connection(len(server) + 1, told, token, endpoint=endpoint))
                if seen is None:
                    continue
                extra = [(4, 2)] if number % 3 == 0 and ending != "crash" else []
                extra += _crash_fields(version, day, number) if end == 200 else []
                _post(collector, client, batch(token, [connection(1, seen, token, endpoint=endpoint, network="isp-1")],
                                               version=version, end=end, session_fields=extra + [(12, 1)],
                                               tags=[("gpu", "vega" if number % 2 else "arc"), ("map", "harbour")]), age_s)
    _post(collector, client, batch("server-%d" % day, server, version="2.1", role=1), age_s)


def fill(collector):
    """Fifteen hundred connections of `game`, ending with today, and one of `other`."""
    client = collector.connect()
    # A little before noon UTC of each day, so that a run near midnight fills the same days.
    into_today = int(time.time()) % 86400
    for day in range(DAYS):
        _fill_day(collector, client, day, (DAYS - 1 - day) * 86400 + into_today // 2)
    total = message([(1, "gate-1"), (2, 600), (3, 31), (5, 100)])
    _post(collector, client, batch("refused", [], totals=[total], version="1.10.0"), 600)
    _post(collector, client, batch("elsewhere", [connection(1, ENDINGS["reset"][0], app="other")], app="other",
                                   version="0.1", session_fields=[(4, 3)]), 600)
    client.close()


def only_server_batches(names):
    """Records without a token, which are counted apart."""
    return [batch(name, [connection(1, SERVER_RESET)], role=1, version="2.1") for name in names]
