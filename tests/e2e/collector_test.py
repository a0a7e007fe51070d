"""What the collector counts, refuses and survives, asked over HTTP of the real program."""
import gzip
import http.client
import json
import os
import signal
import socket
import sqlite3
import threading
import unittest
import zlib

import collector_driver
from collector_driver import (ACCEPTED, DUPLICATE, REJECTED, DISABLED, CLOSED, RESET, CollectorTest, batch,
                              connection, crashed, field, message, session_id, token_hash)


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
        import time
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
        self.assertEqual(collector.post(batch("r")), ACCEPTED)
        # Refused without a look at the disk: a slow one would make pauses that the limit allows.
        self.assertEqual({collector.post_raw(b"\xff")[0] for _ in range(10)}, {400, 429})

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
        self.assertTrue(enough.wait(collector_driver.PATIENCE_S))
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
                (["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", "mysql:x"], 1, "mysql:x"),
                (["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", "clickhose:http://u:hunter2@h/d"], 1,
                 "clickhose:http://h/d"),
                (["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", "sqlite:/nonexistent/x.db"], 1,
                 "/nonexistent/x.db"),
                (["--listen", "127.0.0.1:0", *free, "--tls-cert", "/nonexistent.pem", "--tls-key", "k"], 1,
                 "/nonexistent.pem"),
                (["--tls-cert", "x"], 2, "--tls-key"), (["--nope"], 2, "--nope"), (["--listen"], 2, "--listen"),
                (["--listen", "here:80"], 2, "here:80"), (["--key", "novalue"], 2, "--key")]:
            code, text = self.fails(*flags)
            self.assertEqual(code, wanted, (flags, text))
            self.assertIn(word, text)
            self.assertEqual(text.count("\n"), 1, text)
            self.assertNotIn("hunter2", text)

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
        for path in ("/", "/page.css", "/js/main.js", "/js/api.js"):
            answer, data = collector.get(path)
            self.assertEqual(answer.status, 200)
            self.assertIn("default-src 'none'", answer.getheader("Content-Security-Policy"))
            self.assertNotIn(b"http://", data)
            self.assertNotIn(b"https://", data)
        self.assertEqual(collector.get("/healthz")[0].status, 200)


if __name__ == "__main__":
    collector_driver.main()
