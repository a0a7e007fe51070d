"""Drives the real whydrop-collector over HTTP with batches encoded by hand."""
import argparse
import gzip
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zlib

COLLECTOR = None
ACCEPTED, DUPLICATE, REJECTED, DISABLED = 1, 2, 3, 4


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """int: varint; str, bytes: length-delimited."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(fields):
    return b"".join(field(number, value) for number, value in fields)


def read_message(data):
    fields, at = {}, 0

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(data):
        tag = read_varint()
        value = read_varint()
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        fields[tag >> 3] = value
    return fields


def session_id(name):
    return hashlib.md5(name.encode()).digest()


def token_hash(app, token):
    return hashlib.sha256(app.encode() + b"\0" + token.encode()).digest()[:16]


def evidence(**values):
    numbers = {"error_kind": 1, "os_error": 2, "operation": 3, "established": 4, "peer_closed": 5,
               "closed_locally": 6, "close_reason": 7, "announced_reason": 8, "protocol": 9, "retransmits": 11,
               "outq_bytes": 13, "path_mtu_bytes": 23, "sent_since_recv_bytes": 26, "linger_zero": 35,
               "largest_send_bytes": 38, "unread_at_close_bytes": 39, "session_end": 50,
               "session_end_confidence": 51, "ended_ms": 54}
    return message(sorted((numbers[name], int(value)) for name, value in values.items()))


CLOSED = dict(established=1, closed_locally=1, protocol=1, ended_ms=1000)
RESET = dict(error_kind=1, os_error=104, operation=5, established=1, protocol=1, ended_ms=1000)


def crashed():
    return dict(established=1, protocol=1, ended_ms=1000, session_end=200, session_end_confidence=3)


def connection(number, ev, token=None, app="game", endpoint="gate-1", previous=0, is_open=0, network=None):
    fields = [(1, number)]
    if previous:
        fields.append((2, previous))
    if token:
        fields.append((3, token_hash(app, token)))
    if endpoint:
        fields.append((4, endpoint))
    if network:
        fields.append((5, network))
    if is_open:
        fields.append((6, 1))
    return message(fields + [(9, evidence(**ev))])


def batch(name, connections=(), app="game", version="1.0", role=0, rotation=0, part=0, tags=(), end=0, totals=(),
          session_fields=(), extra=b""):
    session = [(1, app), (2, version)] + ([(3, role)] if role else []) + [(4, 1)]
    session += [(6, message([(1, key), (2, value)])) for key, value in tags]
    if end:
        session += [(7, end), (8, 3)]
    session += [(9, 2000)] + list(session_fields)
    ident = message([(1, session_id(name)), (2, rotation), (3, part)])
    fields = [(1, ident), (2, 1), (3, message(session))] + [(4, c) for c in connections]
    fields += [(6, t) for t in totals] + [(8, 2000)]
    return message(fields) + extra


class Collector:
    def __init__(self, directory, *flags, store="store.db", wait=True):
        self.store = os.path.join(directory, store)
        self.process = subprocess.Popen(
            [COLLECTOR, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", "sqlite:" + self.store,
             *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        parts = dict(word.split("=", 1) for word in line.split()[1:])
        self.ingest_port = int(parts["ingest"].rsplit(":", 1)[1])
        self.admin_port = int(parts["admin"].rsplit(":", 1)[1])
        self.line = line

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        return code

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.ingest_port, timeout=30)

    def post_raw(self, body, client=None, path="/v1/batches", **headers):
        sent = {"Content-Type": "application/x-protobuf"}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        own = client or self.connect()
        own.request("POST", path, body, sent)
        answer = own.getresponse()
        data = answer.read()
        if client is None:
            own.close()
        return answer.status, data

    def post(self, data, client=None, **headers):
        """Returns the verdict of the verified acknowledgement, or the HTTP status."""
        body = gzip.compress(data, 1)
        status, answer = self.post_raw(body, client, Content_Encoding="gzip", **headers)
        if status != 200:
            return status
        ack = read_message(answer)
        sent, named = read_message(read_message(data)[1]), read_message(ack[1])
        for number in (1, 2, 3):  # a zero may be left out on the wire
            assert sent.get(number, 0) == named.get(number, 0), "the Ack names another id"
        assert ack[2] == hashlib.sha256(data).digest(), "the Ack names other bytes"
        return ack[3]

    def get(self, path):
        client = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=60)
        client.request("GET", path)
        answer = client.getresponse()
        data = answer.read()
        client.close()
        return answer, data

    def json(self, path):
        answer, data = self.get(path)
        assert answer.status == 200, data
        return json.loads(data)

    def causes(self, extra=""):
        found = self.json("/v1/attribution?group_by=cause" + extra)
        return {group["cause"]: group["connections"] for group in found["groups"]}


class CollectorTest(unittest.TestCase):
    flags = ()

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def start(self, *flags):
        collector = Collector(self.directory.name, *flags)
        self.addCleanup(collector.stop)
        return collector

    def fails(self, *flags):
        run = subprocess.run([COLLECTOR, *flags], capture_output=True, text=True, timeout=20)
        return run.returncode, run.stderr


class Counting(CollectorTest):
    def test_the_same_batch_twice_is_counted_once(self):
        collector = self.start()
        data = batch("a", [connection(1, crashed(), "t1")], end=200)
        self.assertEqual(collector.post(data), ACCEPTED)
        self.assertEqual(collector.post(data), DUPLICATE)
        self.assertEqual(collector.causes(), {"client_crash": 1})

    def test_the_same_id_with_other_bytes_is_rejected_and_changes_nothing(self):
        collector = self.start()
        self.assertEqual(collector.post(batch("a", [connection(1, crashed())], end=200)), ACCEPTED)
        self.assertEqual(collector.post(batch("a", [connection(1, CLOSED)])), REJECTED)
        self.assertEqual(collector.causes(), {"client_crash": 1})
        self.assertIn(b"whydrop_collector_batches_conflict_total 1\n", collector.get("/metrics")[1])

    def test_a_servers_reset_becomes_a_crash_when_the_client_reports_late(self):
        collector = self.start()
        server = batch("s", [connection(1, RESET, "t1")], role=1)
        self.assertEqual(collector.post(server), ACCEPTED)
        before = collector.json("/v1/attribution?group_by=cause,server_error")
        self.assertEqual((before["connections"], before["reported"]), (1, 0))
        client = batch("c", [connection(1, crashed(), "t1")], end=200, tags=[("gpu", "X")])
        self.assertEqual(collector.post(client, X_Whydrop_Age="60"), ACCEPTED)
        after = collector.json("/v1/attribution?group_by=cause,side,server_error,platform,tag:gpu,app_version,outcome")
        self.assertEqual((after["connections"], after["reported"]), (1, 1))
        self.assertEqual(after["groups"], [{
            "cause": "client_crash", "side": "client_process", "server_error": "104 ECONNRESET", "platform": "linux",
            "tag:gpu": "X", "app_version": "1.0", "outcome": "dropped", "connections": 1, "share": 1.0}])
        found = collector.json("/v1/connections?app_id=game&token=t1")["connections"]
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0]["cause"], "client_crash")
        self.assertEqual(found[0]["server"]["os_error"], 104)
        self.assertEqual(found[0]["client"]["session_end"], 200)
        self.assertEqual(found[0]["token_hash"], token_hash("game", "t1").hex())
        self.assertTrue(found[0]["reason"])
        sessions = collector.json("/v1/sessions?end=client_crash&limit=5")["sessions"]
        self.assertEqual([s["session_id"] for s in sessions], [session_id("c").hex()])

    def test_records_without_a_token_and_totals_are_counted_apart_or_by_the_client(self):
        collector = self.start()
        total = message([(1, "gate-1"), (2, 600), (3, 7), (5, 100)])
        collector.post(batch("c", [connection(1, CLOSED)], totals=[total]))
        collector.post(batch("s", [connection(1, RESET)], role=1))
        found = collector.json("/v1/attribution")
        self.assertEqual((found["connections"], found["reported"], found["unjoined_server_records"]), (8, 8, 1))
        self.assertEqual(collector.causes(), {"connect_refused": 7, "local_close": 1})
        self.assertEqual(collector.causes("&outcome=failed"), {"connect_refused": 7})

    def test_an_open_record_of_a_running_server_counts_only_once_it_ended(self):
        collector = self.start()
        rotating = [(16, 60000)]
        first = batch("s", [connection(1, dict(established=1), "t", is_open=1)], role=1, session_fields=rotating)
        self.assertEqual(collector.post(first), ACCEPTED)
        self.assertEqual(collector.json("/v1/attribution")["connections"], 0)
        collector.post(batch("s", [connection(1, RESET, "t")], role=1, rotation=1, session_fields=rotating))
        self.assertEqual(collector.json("/v1/attribution")["connections"], 1)

    def test_a_reconnect_that_stood_makes_the_drop_recovered(self):
        collector = self.start()
        reset = dict(RESET)
        collector.post(batch("c", [connection(1, reset), connection(2, CLOSED, previous=1)]))
        found = collector.json("/v1/attribution?group_by=outcome")["groups"]
        self.assertEqual({g["outcome"]: g["connections"] for g in found}, {"recovered": 1, "clean": 1})

    def test_two_clients_with_one_token_are_told_and_not_merged(self):
        collector = self.start()
        collector.post(batch("a", [connection(1, crashed(), "t")], end=200))
        collector.post(batch("b", [connection(1, CLOSED, "t")]))
        found = collector.json("/v1/connections?app_id=game&token=t")["connections"]
        self.assertEqual([c["duplicate_token"] for c in found], [True, True])
        self.assertEqual(collector.json("/v1/attribution")["connections"], 2)

    def test_time_filters_use_receipt_minus_age(self):
        collector = self.start()
        collector.post(batch("old", [connection(1, CLOSED)]), X_Whydrop_Age="864000")
        collector.post(batch("new", [connection(1, CLOSED)]), X_Whydrop_Age="-5")
        days = collector.json("/v1/attribution?group_by=day")["groups"]
        self.assertEqual(len(days), 2)
        limit = int(time.time()) - 432000
        self.assertEqual(collector.json("/v1/attribution?from=%d" % limit)["connections"], 1)
        self.assertEqual(collector.json("/v1/attribution?to=%d" % limit)["connections"], 1)

    def test_labels_beyond_the_limit_are_folded_and_not_lost(self):
        collector = self.start()
        for start in (1, 601):
            data = batch("s%d" % start, [connection(n, CLOSED, endpoint="gate-%d" % n) for n in range(start, start + 600)])
            self.assertEqual(collector.post(data), ACCEPTED)
        found = collector.json("/v1/attribution?group_by=endpoint")
        self.assertEqual(found["connections"], 1200)
        self.assertEqual([g for g in found["groups"] if g["endpoint"] == "(other)"][0]["connections"], 200)

    def test_ten_thousand_sessions_from_both_ends_add_up_to_the_truth(self):
        collector = self.start("--rate-limit", "0")
        count, per_server = 10000, 500
        clients, servers, unreported = [], [], 0
        truth = {"client_crash": 0, "local_close": 0}
        rng = random.Random(1)
        for n in range(count):
            token = "t%d" % n
            crash = n % 2 == 0
            if n % 20 == 7:
                unreported += 1
            else:
                truth["client_crash" if crash else "local_close"] += 1
                clients.append(batch("c%d" % n, [connection(1, crashed() if crash else CLOSED, token)],
                                     end=200 if crash else 101))
        for s in range(count // per_server):
            ends = [connection(i + 1, RESET if n % 2 == 0 else dict(established=1, peer_closed=1), "t%d" % n)
                    for i, n in enumerate(range(s * per_server, (s + 1) * per_server))]
            servers.append(batch("s%d" % s, ends, role=1))
        rng.shuffle(clients)
        late = clients[:len(clients) // 10]
        early = clients[len(clients) // 10:]
        work = early + rng.sample(early, len(early) // 10) + servers
        rng.shuffle(work)
        self.send_all(collector, work)
        self.assertEqual(collector.json("/v1/attribution")["connections"], count)
        self.send_all(collector, late)
        found = collector.json("/v1/attribution")
        self.assertEqual((found["connections"], found["reported"]), (count, count - unreported))
        causes = collector.causes()
        for cause, wanted in truth.items():
            self.assertEqual(causes[cause], wanted, causes)
        self.assertEqual(sum(causes.values()), count)

    def send_all(self, collector, work):
        failures = []
        queue = iter(work)
        lock = threading.Lock()

        def run():
            client = collector.connect()
            while True:
                with lock:
                    data = next(queue, None)
                if data is None:
                    break
                verdict = collector.post(data, client)
                if verdict not in (ACCEPTED, DUPLICATE):
                    failures.append(verdict)
            client.close()
        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class Joining(CollectorTest):
    def pending(self, collector, token="t"):
        return collector.json("/v1/connections?app_id=game&token=" + token)["connections"][0]["pending"]

    def await_cause(self, collector, cause, count=1):
        deadline = time.monotonic() + 30
        while collector.causes().get(cause, 0) != count:
            self.assertLess(time.monotonic(), deadline, collector.causes())
            threading.Event().wait(0.1)

    def test_one_end_alone_is_judged_and_pending_until_the_other_comes(self):
        collector = self.start()
        collector.post(batch("c", [connection(1, dict(RESET, outq_bytes=0), "t")]))
        found = collector.json("/v1/attribution")
        self.assertEqual((found["connections"], found["reported"], found["pending"]), (1, 1, 1))
        self.assertEqual(collector.causes(), {"server_reset": 1})
        self.assertTrue(self.pending(collector))
        collector.post(batch("s", [connection(1, dict(CLOSED, close_reason=3), "t")], role=1))
        self.assertEqual(collector.causes(), {"server_kick": 1})
        self.assertFalse(self.pending(collector))
        self.assertEqual(collector.json("/v1/attribution")["pending"], 0)

    def test_an_open_record_of_a_running_server_says_nothing_until_the_window_has_passed(self):
        collector = self.start("--join-window", "2")
        running = [(16, 60000)]
        collector.post(batch("s", [connection(1, dict(established=1, protocol=1), "t", is_open=1)], role=1,
                             session_fields=running))
        collector.post(batch("c", [connection(1, dict(RESET, outq_bytes=0), "t")]))
        self.assertEqual(collector.causes(), {"server_reset": 1})
        self.assertTrue(self.pending(collector))
        self.await_cause(collector, "path_state_lost")  # one end reset, the other still open
        self.assertFalse(self.pending(collector))
        late = dict(CLOSED, unread_at_close_bytes=7)
        collector.post(batch("s", [connection(1, late, "t")], role=1, rotation=1, session_fields=running))
        self.assertEqual(collector.causes(), {"server_reset": 1})

    def server(self, name, count=0, rotation=0, boot=b"b", machine=b"m", interval=1000, **more):
        opened = [connection(n, dict(established=1, protocol=1), "t%d" % n, is_open=1) for n in range(1, count + 1)]
        fields = [(14, boot * 16), (15, machine * 16), (16, interval)]
        return batch(name, opened, role=1, rotation=rotation, session_fields=fields, **more)

    def test_a_server_that_misses_three_reports_died_where_its_clients_were_reset(self):
        collector = self.start("--join-window", "1")
        collector.post(self.server("s", 2))
        collector.post(batch("c", [connection(1, dict(RESET, outq_bytes=0), "t1")]))
        self.await_cause(collector, "server_died")
        collector.post(self.server("s", 0, rotation=1))
        self.assertNotIn("server_died", collector.causes())

    def test_a_machine_is_down_where_several_clients_of_a_silent_server_heard_nothing(self):
        collector = self.start("--join-window", "1")
        collector.post(self.server("s", 3))
        silence = dict(established=1, protocol=1, error_kind=4, os_error=110, operation=5, retransmits=5, outq_bytes=9)
        collector.post(batch("c1", [connection(1, silence, "t1")]))
        self.await_cause(collector, "unknown", 2)  # the open ones whose clients did not report
        self.assertEqual(collector.causes().get("path_timeout"), 1)
        collector.post(batch("c2", [connection(1, silence, "t2")]))
        self.await_cause(collector, "server_host_down", 2)

    def test_a_server_that_died_with_connections_open_is_told_by_its_next_launch(self):
        collector = self.start()
        collector.post(self.server("s", 1, interval=60000))
        dead = dict(established=1, protocol=1, session_end=201, session_end_confidence=2)
        collector.post(batch("c", [connection(1, dict(RESET, outq_bytes=0), "t1")]))
        collector.post(batch("s", [connection(1, dead, "t1", is_open=1)], role=1, rotation=1, end=201,
                             session_fields=[(16, 60000)]))
        self.assertEqual(collector.causes(), {"server_died": 1})
        self.assertFalse(self.pending(collector, "t1"))

    def test_losses_are_the_sessions_newest_sum(self):
        collector = self.start()
        lost = field(7, message([(1, 2), (3, 3), (2, 100)]))
        more = field(7, message([(1, 4), (3, 3)]))
        collector.post(self.server("s", rotation=0, extra=lost))
        collector.post(self.server("s", rotation=1, extra=more))
        self.assertEqual([s["losses"] for s in collector.json("/v1/sessions")["sessions"]], [7])


class Findings(CollectorTest):
    def findings(self, collector):
        found = collector.json("/v1/findings?app_id=game")["findings"]
        for one in found:
            self.assertTrue(one["title"] and one["advice"])
        return {one["id"]: one for one in found}

    def test_nothing_is_found_where_nothing_is_wrong(self):
        collector = self.start()
        collector.post(batch("c", [connection(1, CLOSED, "t")]))
        collector.post(batch("s", [connection(1, dict(established=1, peer_closed=1), "t")], role=1))
        self.assertEqual(self.findings(collector), {})

    def test_servers_that_close_with_unread_data_are_named_with_their_share_of_drops(self):
        collector = self.start()
        for n in range(4):
            endpoint = "gate-%d" % (1 + n // 3)
            unread = {"unread_at_close_bytes": 10} if n else {}
            collector.post(batch("c%d" % n, [connection(1, RESET, "t%d" % n, endpoint=endpoint)]))
            collector.post(batch("s%d" % n, [connection(1, dict(CLOSED, **unread), "t%d" % n, endpoint=endpoint)],
                                 role=1))
        found = self.findings(collector)
        self.assertEqual(set(found), {"server_closes_with_unread_data"})
        one = found["server_closes_with_unread_data"]
        self.assertEqual((one["count"], one["share_of_drops"]), (3, 0.75))
        self.assertEqual(one["who"], [{"endpoint": "gate-1", "count": 2}, {"endpoint": "gate-2", "count": 1}])

    def test_linger_zero_is_found_at_either_end(self):
        collector = self.start()
        collector.post(batch("c", [connection(1, dict(CLOSED, linger_zero=1), "t1"), connection(2, RESET, "t2")]))
        collector.post(batch("s", [connection(1, dict(CLOSED, linger_zero=1), "t2")], role=1))
        self.assertEqual(self.findings(collector)["linger_zero"]["count"], 2)

    def test_a_transfer_that_the_client_never_heard_of_is_found(self):
        collector = self.start()
        transfer = dict(CLOSED, close_reason=1)
        collector.post(batch("s", [connection(n, transfer, "t%d" % n) for n in (1, 2)], role=1))
        collector.post(batch("c", [connection(1, RESET, "t1"),
                                   connection(2, dict(established=1, peer_closed=1, announced_reason=1), "t2")]))
        self.assertEqual(self.findings(collector)["transfer_lost"]["count"], 1)
        self.assertIn("Let the client close", self.findings(collector)["transfer_lost"]["advice"])

    def test_silence_after_oversize_datagrams_is_found(self):
        collector = self.start()
        silent = dict(established=1, protocol=2, operation=7, error_kind=0, path_mtu_bytes=1500)
        collector.post(batch("c", [connection(1, dict(silent, largest_send_bytes=1600), "t1"),
                                   connection(2, dict(silent, largest_send_bytes=1200), "t2")]))
        self.assertEqual(self.findings(collector)["oversize_datagrams"]["count"], 1)

    def test_resets_that_concentrate_on_one_network_are_found(self):
        collector = self.start()
        ambiguous = dict(RESET, outq_bytes=5)
        for n in range(40):
            isp = "isp-%d" % (n % 4)
            ev = ambiguous if n % 4 == 3 and n < 36 or n == 0 else CLOSED
            collector.post(batch("c%d" % n, [connection(1, ev, "t%d" % n, network=isp)]))
        one = self.findings(collector)["resets_on_one_network"]
        self.assertEqual((one["count"], one["who"]), (9, [{"network": "isp-3", "count": 9}]))
        self.assertEqual(one["share_of_drops"], 0.9)


class Hostile(CollectorTest):
    def test_bad_bodies_get_a_clear_answer_and_leave_nothing(self):
        collector = self.start()
        good = batch("a", [connection(1, CLOSED)])
        packed = gzip.compress(good)
        deep = b""
        for _ in range(50):
            deep = field(15, deep)
        groups = b"\x7b" * 50 + b"\x7c" * 50
        gz = {"Content_Encoding": "gzip"}
        cases = [
            ("too large", b"x" * (256 * 1024 + 1), {}, 413),
            ("bomb", gzip.compress(b"\0" * (64 << 20)), gz, 413),
            ("truncated gzip", packed[:-6], gz, 400),
            ("two members", packed + packed, gz, 400),
            ("no gzip", good, gz, 400),
            ("deflate", zlib.compress(good), {"Content_Encoding": "deflate"}, 415),
            ("no protobuf", b"hello, world", {}, 400),
            ("empty", b"", {}, 400),
            ("deep groups", good + groups, {}, 400),
            ("too many records", batch("m", [connection(n, {}) for n in range(1, 4098)]), {}, 413),
            ("no session id", message([(3, message([(1, "game"), (2, "1")]))]), {}, 400),
            ("bad app id", batch("b", app="../etc"), {}, 400),
            ("wrong type", good, {"Content_Type": "text/plain"}, 415),
        ]
        for name, body, headers, wanted in cases:
            with self.subTest(name):
                status, answer = collector.post_raw(body, **headers)
                self.assertEqual(status, wanted, answer)
                self.assertTrue(json.loads(answer)["error"])
        for name, bad in [("endpoint", batch("e", [connection(1, CLOSED, endpoint="10.0.0.1:80")])),
                          ("tag", batch("t", tags=[("Bad Key", "x")])),
                          ("version", batch("v", version="")),
                          ("token", batch("k", [message([(1, 1), (3, b"short")])]))]:
            with self.subTest(name):
                self.assertEqual(collector.post(bad), REJECTED)
        self.assertEqual(collector.json("/v1/attribution")["connections"], 0)
        self.assertEqual(collector.post(good), ACCEPTED)

    def test_wrong_paths_methods_and_headers(self):
        collector = self.start()
        client = collector.connect()
        for method, path, wanted in [("GET", "/", 404), ("GET", "/v1/batches", 405), ("GET", "/healthz", 200)]:
            client.request(method, path)
            answer = client.getresponse()
            answer.read()
            self.assertEqual(answer.status, wanted, path)
        client.close()
        for head, wanted in [(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\n\r\n", b" 411 "),
                             (b"GET / HTTP/1.1\r\nX: " + b"y" * 20000 + b"\r\n\r\n", b" 431 ")]:
            with socket.create_connection(("127.0.0.1", collector.ingest_port), timeout=20) as raw:
                raw.sendall(head)
                self.assertIn(wanted, raw.recv(4096))

    def test_keys_roles_and_switched_off_apps(self):
        collector = self.start("--key", "game=k1", "--server-key", "game=s1", "--disable", "gone", "--key", "gone=g")
        data = batch("a", [connection(1, CLOSED)])
        self.assertEqual(collector.post(data), 401)
        self.assertEqual(collector.post(data, X_Whydrop_Key="k2"), 401)
        self.assertEqual(collector.post(data, X_Whydrop_Key="k1"), ACCEPTED)
        server = batch("s", [connection(1, CLOSED)], role=1)
        self.assertEqual(collector.post(server, X_Whydrop_Key="k1"), 401)
        self.assertEqual(collector.post(server, X_Whydrop_Key="s1"), ACCEPTED)
        self.assertEqual(collector.post(batch("o", app="other"), X_Whydrop_Key="k1"), 403)
        self.assertEqual(collector.post(batch("g", app="gone"), X_Whydrop_Key="g"), DISABLED)

    def test_senders_beyond_the_rate_limit_are_told_to_wait(self):
        collector = self.start("--rate-limit", "1")
        answers = [collector.post(batch("r%d" % n)) for n in range(10)]
        self.assertIn(429, answers)
        self.assertEqual(answers[0], ACCEPTED)

    def test_bad_questions_name_the_parameter(self):
        collector = self.start()
        for path, word in [("/v1/attribution?group_by=ip", "group_by"), ("/v1/attribution?outcome=x", "outcome"),
                           ("/v1/attribution?from=abc", "from"), ("/v1/connections?app_id=game", "token"),
                           ("/v1/sessions?end=x", "end"), ("/v1/sessions?limit=0", "limit"),
                           ("/v1/attribution?app_id=%27", "app_id"), ("/v1/attribution?nope=1", "nope")]:
            answer, data = collector.get(path)
            self.assertEqual(answer.status, 400, path)
            self.assertIn(word, json.loads(data)["error"])


class Operation(CollectorTest):
    def load_until(self, collector, how):
        acknowledged, stop = [], threading.Event()

        def run(worker):
            n = 0
            try:
                client = collector.connect()
                while not stop.is_set():
                    name = "w%d-%d" % (worker, n)
                    verdict = collector.post(batch(name, [connection(1, CLOSED, name)]), client)
                    if verdict == ACCEPTED:
                        acknowledged.append(name)
                    n += 1
                    if len(acknowledged) > 300:
                        enough.set()
            except (OSError, http.client.HTTPException):
                pass
        enough = threading.Event()
        threads = [threading.Thread(target=run, args=(w,)) for w in range(6)]
        for thread in threads:
            thread.start()
        self.assertTrue(enough.wait(60))
        code = collector.stop(how)
        stop.set()
        for thread in threads:
            thread.join()
        return acknowledged, code

    def check_kept(self, acknowledged):
        again = self.start("--rate-limit", "0")
        client = again.connect()
        for name in acknowledged:
            self.assertEqual(again.post(batch(name, [connection(1, CLOSED, name)]), client), DUPLICATE)
        client.close()
        again.stop()
        with sqlite3.connect(again.store) as db:
            batches = db.execute("SELECT count(*) FROM batches").fetchone()[0]
            rows = db.execute("SELECT count(*), sum(count) FROM connections").fetchone()
        db.close()
        self.assertEqual(rows, (batches, batches))

    def test_sigterm_under_load_keeps_what_was_acknowledged(self):
        acknowledged, code = self.load_until(self.start("--rate-limit", "0"), signal.SIGTERM)
        self.assertEqual(code, 0)
        self.check_kept(acknowledged)

    def test_kill_under_load_keeps_what_was_acknowledged_and_doubles_nothing(self):
        acknowledged, _ = self.load_until(self.start("--rate-limit", "0"), signal.SIGKILL)
        self.check_kept(acknowledged)

    def test_mistakes_at_start_are_told_in_one_line(self):
        collector = self.start()
        store = "sqlite:" + os.path.join(self.directory.name, "other.db")
        free = ["--admin-listen", "127.0.0.1:0", "--store", store]
        busy = "127.0.0.1:%d" % collector.ingest_port
        for flags, wanted, word in [
                (["--listen", busy, *free], 1, "cannot listen on " + busy),
                (["--listen", "127.0.0.1:0", "--store", "mysql:x"], 1, "mysql:x"),
                (["--listen", "127.0.0.1:0", "--store", "sqlite:/nonexistent/x.db"], 1, "/nonexistent/x.db"),
                (["--listen", "127.0.0.1:0", *free, "--tls-cert", "/nonexistent.pem", "--tls-key", "k"], 1,
                 "/nonexistent.pem"),
                (["--tls-cert", "x"], 2, "--tls-key"), (["--nope"], 2, "--nope"), (["--listen"], 2, "--listen"),
                (["--listen", "here:80"], 2, "here:80"), (["--key", "novalue"], 2, "--key")]:
            code, text = self.fails(*flags)
            self.assertEqual(code, wanted, (flags, text))
            self.assertIn(word, text)
            self.assertEqual(text.count("\n"), 1, text)

    def test_https_takes_batches(self):
        cert = os.path.join(self.directory.name, "cert.pem")
        key = os.path.join(self.directory.name, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        collector = self.start("--tls-cert", cert, "--tls-key", key)
        context = ssl.create_default_context(cafile=cert)
        client = http.client.HTTPSConnection("127.0.0.1", collector.ingest_port, timeout=30, context=context)
        self.assertEqual(collector.post(batch("a"), client), ACCEPTED)
        self.assertEqual(collector.post(batch("a"), client), DUPLICATE)
        client.close()
        self.assertEqual(collector.stop(), 0)

    def test_a_full_store_acknowledges_nothing_and_stores_no_half(self):
        collector = self.start()
        collector.post(batch("a", [connection(1, CLOSED)]))
        collector.stop()
        lock = sqlite3.connect(collector.store, isolation_level=None)
        lock.execute("CREATE TRIGGER full BEFORE INSERT ON records WHEN NEW.number = 3 "
                     "BEGIN SELECT RAISE(FAIL, 'no room'); END")
        lock.close()
        again = self.start()
        data = batch("b", [connection(n, CLOSED) for n in (1, 2, 3)])
        self.assertEqual(again.post(data), 503)
        self.assertEqual(again.json("/v1/attribution")["connections"], 1)
        again.stop()
        lock = sqlite3.connect(again.store, isolation_level=None)
        lock.execute("DROP TRIGGER full")
        lock.close()
        third = self.start()
        self.assertEqual(third.post(data), ACCEPTED)
        self.assertEqual(third.json("/v1/attribution")["connections"], 4)

    def test_the_page_loads_and_asks_nobody_else(self):
        collector = self.start()
        for path in ("/", "/page.css", "/page.js"):
            answer, data = collector.get(path)
            self.assertEqual(answer.status, 200)
            self.assertIn("default-src 'none'", answer.getheader("Content-Security-Policy"))
            self.assertNotIn(b"http://", data)
            self.assertNotIn(b"https://", data)
        self.assertEqual(collector.get("/healthz")[0].status, 200)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--collector", required=True)
    known, rest = parser.parse_known_args()
    COLLECTOR = known.collector
    unittest.main(argv=[sys.argv[0], *rest])
