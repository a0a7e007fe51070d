"""What an operator relies on: configuration, keys and quotas, the log, readiness, the orderly end, and the limits."""
import concurrent.futures
import contextlib
import http.client
import http.server
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

import collector_driver as base
import programs
from collector_driver import ACCEPTED, CLOSED, DUPLICATE, batch, connection, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "demo"))
from engine import free_ports  # noqa: E402

OF_A_CLUSTER_S = 30  # at the end, to bring in what is in the spool (OPERATIONS.md)
DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../samples/collector/deploy")


def ask(port, path, method="GET"):
    """(status, headers, body) of one request."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        client.request(method, path)
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        client.close()


class Configuration(base.CollectorTest):
    def test_what_holds_is_shown_with_its_source_and_without_secrets(self):
        keys = self.path("keys", "game=first-secret\ngame=second-secret\n")
        config = self.path("collector.toml", 'rate-limit = 7\nthreads = 3\nkey-file = "%s"\n' % keys)
        run = subprocess.run([base.COLLECTOR, "--check-config", "--config", config, "--threads", "2"],
                             capture_output=True, text=True, timeout=20,
                             env={**os.environ, "WHYDROP_COLLECTOR_RATE_LIMIT": "9"})
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn('rate-limit = "9"  # WHYDROP_COLLECTOR_RATE_LIMIT\n', run.stdout)
        self.assertIn('threads = "2"  # --threads\n', run.stdout)
        self.assertIn('drain = "10"  # default\n', run.stdout)
        self.assertIn("%s line 2 (%s line 3: key-file)" % (keys, config), run.stdout)
        self.assertNotIn("first-secret", run.stdout)

    def test_a_stores_password_is_never_shown_however_it_is_written(self):
        for password in ("top-secret", "top?secret", "top/secret", "top#secret", "top@secret", "top%secret", "top:secret",
                         "top/sec?secret", "top-secret%0a"):
            for url in ("clickhouse:http://u:%s@127.0.0.1:1/d" % password, "clickhose:http://u:%s@h/d" % password,
                        "clickhouse:http://u:%s@h/not a name?x=1" % password,
                        "clickhouse:u:%s@h/d" % password):
                for words in (("schema", "--print"), ("schema", "--apply"), ("export",), ("--check-config",)):
                    run = subprocess.run([base.COLLECTOR, *words, "--store", url], capture_output=True, text=True,
                                         timeout=60, cwd=self.directory.name)
                    self.assertNotIn("secret", run.stdout + run.stderr, (words, url))

    def test_a_running_collector_gives_its_stores_password_to_the_engine_and_to_nobody_else(self):
        seen = []

        class Engine(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                seen.append((self.headers["X-ClickHouse-User"], self.headers["X-ClickHouse-Key"]))
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(500)
                self.end_headers()
                self.wfile.write(b"no table is here")

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        written = "clickhouse:http://us:top%3F%40%25%3A%2Fsecret@127.0.0.1:{}/d?spool=" + self.path("spool")
        with self.subTest("an engine that refuses"):
            code, text = self.fails("--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store",
                                    written.format(server.server_port))
            self.assertEqual(code, 1)
            self.assertIn("no table is here", text)
            self.assertNotIn("secret", text)
            self.assertEqual(set(seen), {("us", "top?@%:/secret")})
        with self.subTest("an engine that is away"):
            log = self.path("log")
            away = socket.socket()
            self.addCleanup(away.close)
            away.bind(("127.0.0.1", 0))  # bound, and it never listens: the one port that surely refuses
            collector = self.start(store_url=written.format(away.getsockname()[1]), log=log)
            self.assertEqual(collector.post(batch("a")), ACCEPTED)
            told = collector.line + "".join(ask(collector.admin_port, path)[2].decode()
                                            for path in ("/readyz", "/metrics", "/v1/freshness", "/v1/attribution"))
            collector.stop(signal.SIGKILL)
            with open(log) as lines:
                logged = lines.read()
            self.assertIn("event=engine", logged)
            self.assertNotIn("secret", told + logged)

    def test_mistakes_are_told_before_anything_runs(self):
        config = self.path("collector.toml", "rate-limit = 7\nrate-limits = 8\n")
        code, text = self.fails("--check-config", "--config", config)
        self.assertEqual(code, 2)
        self.assertIn("%s line 2: rate-limits is no option" % config, text)
        code, text = self.fails("--check-config", "--tls-cert", config, "--tls-key", config)
        self.assertEqual(code, 1)
        self.assertIn("cannot read the certificate '%s'" % config, text)

    def test_the_example_is_a_configuration(self):
        with open(os.path.join(DEPLOY, "collector.toml")) as file:
            text = file.read()
        credentials = "/run/credentials/whydrop-collector.service/"
        self.assertIn(credentials + "server-keys", text)
        self.path("server-keys", "my-game=s\n")
        for name in ("tls-cert.pem", "tls-key.pem"):
            text = re.sub('^tls-.*%s"$' % name, "", text, flags=re.M)
        config = self.path("collector.toml", text.replace(credentials, self.directory.name + "/"))
        run = subprocess.run([base.COLLECTOR, "--check-config", "--config", config], capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stderr), (0, ""))


class KeysAndQuotas(base.CollectorTest):
    def test_an_old_and_a_new_key_are_valid_at_once(self):
        keys = self.path("keys", "game=old\ngame=new\n")
        collector = self.start("--key-file", keys)
        for name, key, wanted in [("a", "old", ACCEPTED), ("b", "new", ACCEPTED), ("c", "other", 401), ("d", "", 401)]:
            self.assertEqual(collector.post(batch(name), X_Whydrop_Key=key), wanted, key)

    def test_what_is_beyond_a_quota_is_told_when_to_come_again_and_nothing_of_it_is_kept(self):
        log = self.path("log")
        collector = self.start("--quota", "game=3/day", "--server-quota", "game=1/day", log=log)
        for n in range(3):
            self.assertEqual(collector.post(batch("q%d" % n, [connection(1, CLOSED)])), ACCEPTED)
        client = collector.connect()
        client.request("POST", "/v1/batches", batch("q3", [connection(1, CLOSED)]),
                       {"Content-Type": "application/x-protobuf"})
        answer = client.getresponse()
        self.assertEqual(answer.status, 429)
        self.assertIn("quota", json.loads(answer.read())["error"])
        self.assertTrue(0 < int(answer.getheader("Retry-After")) <= 86400)
        client.close()
        self.assertEqual(collector.post(batch("s", role=1)), ACCEPTED)
        self.assertEqual(collector.post(batch("t", role=1)), 429)
        self.assertEqual(collector.post(batch("o", app="other")), ACCEPTED)
        self.assertEqual(collector.json("/v1/attribution")["connections"], 3)
        self.assertEqual(collector.metrics()["batches_over_quota_total"], 2)
        with open(log) as file:
            self.assertIn('event=quota message="an app is over its quota" app_id="game"', file.read())


class Log(base.CollectorTest):
    def test_json_lines_are_few_and_name_nobody(self):
        log = self.path("log")
        collector = self.start("--log-format", "json", "--log-level", "debug", "--key", "game=the-key", log=log)
        for n in range(300):
            self.assertEqual(collector.post(batch("l%d" % n), X_Whydrop_Key="wrong-key"), 401)
        self.assertEqual(collector.post_raw(b"\xff")[0], 400)
        self.assertEqual(collector.stop(), 0)
        with open(log) as file:
            lines = file.read().splitlines()
        events = [json.loads(line) for line in lines]
        self.assertLess(len(lines), 100)
        self.assertEqual([e["event"] for e in events if e["event"] in ("start", "stop")], ["start", "stop", "stop"])
        refused = [e for e in events if e["event"] == "unauthorized"]
        self.assertEqual({(e["level"], e["app_id"]) for e in refused}, {("warning", "game")})
        for event in events:
            self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        for word in ("127.0.0.1", "the-key", "wrong-key"):
            self.assertNotIn(word, "".join(lines))

    def test_a_level_leaves_the_lower_ones_out(self):
        log = self.path("log")
        collector = self.start("--log-level", "error", log=log)
        collector.post_raw(b"\xff")
        collector.stop()
        self.assertEqual(os.path.getsize(log), 0)


class Readiness(base.CollectorTest):
    def test_both_addresses_tell_that_it_is_ready(self):
        collector = self.start()
        for port in (collector.ingest_port, collector.admin_port):
            for path in ("/healthz", "/readyz"):
                self.assertEqual(ask(port, path)[0], 200)
                self.assertEqual(ask(port, path, "HEAD")[2], b"")
                self.assertEqual(ask(port, path, "POST")[0], 405)
        self.assertEqual(collector.metrics()["ready"], 1)

    def test_while_the_store_is_being_opened_it_lives_but_is_not_ready(self):
        self.start().stop()
        lock = sqlite3.connect(self.path("store.db"), isolation_level=None)
        self.addCleanup(lock.close)
        lock.execute("BEGIN EXCLUSIVE")
        (port,) = free_ports(1)
        process = programs.start([base.COLLECTOR, "--listen", "127.0.0.1:%d" % port, "--admin-listen", "127.0.0.1:0",
                                  "--store", "sqlite:" + self.path("store.db")],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.kill)

        def answers():
            try:
                return ask(port, "/healthz")[0] == 200
            except OSError:
                return False
        until(answers, "the address")
        status, _, body = ask(port, "/readyz")
        self.assertEqual((status, json.loads(body)["error"]), (503, "the store is being opened"))
        status, headers, _ = ask(port, "/v1/batches", "POST")
        self.assertEqual(status, 503)
        self.assertTrue(headers["Retry-After"])
        lock.execute("ROLLBACK")
        self.assertIn("listening", process.stdout.readline())
        self.assertEqual(ask(port, "/readyz")[0], 200)

    def test_a_store_that_cannot_be_written_is_not_ready_until_it_can(self):
        collector = self.start()
        with sqlite3.connect(collector.store) as db:
            db.execute("CREATE TRIGGER full BEFORE INSERT ON batches BEGIN SELECT RAISE(ROLLBACK, 'no room'); END")
        db.close()
        self.assertEqual(collector.post(batch("a")), 503)
        status, _, body = ask(collector.admin_port, "/readyz")
        self.assertEqual(status, 503)
        self.assertIn("no room", json.loads(body)["error"])
        status, _, body = ask(collector.ingest_port, "/readyz")
        self.assertEqual((status, json.loads(body)), (503, {"error": "the store takes nothing"}))
        self.assertEqual(ask(collector.ingest_port, "/healthz")[0], 200)
        with sqlite3.connect(collector.store) as db:
            db.execute("DROP TRIGGER full")
        db.close()
        until(lambda: ask(collector.ingest_port, "/readyz")[0] == 200, "readiness")
        self.assertEqual(collector.post(batch("a")), ACCEPTED)


class Stop(base.CollectorTest):
    def half_sent(self, collector, name):
        """A connection on which all but the last byte of a batch was sent, and that byte."""
        body = batch(name, [connection(1, CLOSED)])
        peer = socket.create_connection(("127.0.0.1", collector.ingest_port), timeout=60)
        self.addCleanup(peer.close)
        peer.sendall(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                     b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        self.assertIn(b"100 Continue", peer.recv(4096))
        peer.sendall(body[:-1])
        return peer, body[-1:]

    def test_a_balancer_sees_it_coming_and_loses_nothing(self):
        collector = self.start("--stop-delay", "600")
        collector.process.send_signal(signal.SIGTERM)
        until(lambda: ask(collector.ingest_port, "/readyz")[0] == 503, "the end of readiness")
        self.assertEqual(json.loads(ask(collector.admin_port, "/readyz")[2])["error"], "it is stopping")
        self.assertEqual(ask(collector.ingest_port, "/healthz")[0], 200)
        self.assertEqual(collector.post(batch("late")), ACCEPTED)
        self.assertEqual(collector.stop(), 0)  # a second signal ends the delay
        self.assertEqual(self.start().post(batch("late")), DUPLICATE)

    def test_an_upload_under_way_is_answered_and_kept(self):
        collector = self.start("--drain", "60")
        peer, last = self.half_sent(collector, "under-way")
        collector.process.send_signal(signal.SIGTERM)

        def refused():
            try:
                socket.create_connection(("127.0.0.1", collector.ingest_port), timeout=10).close()
                return False
            except ConnectionRefusedError:
                return True
            except ConnectionResetError:  # it was closed with this one in its queue
                return False
        until(refused, "the listener's end")
        peer.sendall(last)
        self.assertIn(b" 200 OK", peer.recv(4096))
        self.assertEqual(collector.stop(), 0)
        self.assertEqual(self.start().post(batch("under-way", [connection(1, CLOSED)])), DUPLICATE)

    def test_questions_that_would_take_for_ever_are_given_up_and_told_so(self):
        collector = self.start("--drain", "600", "--question-limit", "600")
        with contextlib.closing(sqlite3.connect(self.path("store.db"))) as store:
            store.executescript("DROP TABLE labels; CREATE VIEW labels AS "
                                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                                "SELECT '' AS app_id, 'app' AS dimension, i AS value FROM n WHERE i < 0")

        def processor_ticks():
            with open("/proc/%d/stat" % collector.process.pid) as file:
                return int(file.read().rpartition(")")[2].split()[11])
        before = processor_ticks()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:  # four are answered at once
            asked = [pool.submit(collector.get, "/v1/labels") for _ in range(6)]
            until(lambda: processor_ticks() - before > 0.5 * os.sysconf("SC_CLK_TCK"), "work on them")
            collector.metrics()  # whose request came behind theirs
            begun = time.monotonic()
            self.assertEqual(collector.stop(), 0)
            self.assertLess(time.monotonic() - begun, 60)
            for question in asked:
                answer, body = question.result()
                self.assertEqual((answer.status, json.loads(body)["error"]), (503, "the collector is stopping"))

    def test_a_peer_that_does_nothing_cannot_hold_the_end_up(self):
        log = self.path("log")
        collector = self.start("--drain", "1", log=log)
        self.half_sent(collector, "stuck")
        begun = time.monotonic()
        self.assertEqual(collector.stop(), 0)
        self.assertLess(time.monotonic() - begun, 20)
        with open(log) as file:
            self.assertIn('event=drain message="connections were cut at the deadline" count="1"', file.read())
        self.assertEqual(self.start().json("/v1/attribution")["connections"], 0)


class Limits(base.CollectorTest):
    def connect(self, collector):
        peer = socket.create_connection(("127.0.0.1", collector.ingest_port), timeout=30)
        self.addCleanup(peer.close)
        return peer

    def is_served(self, peer):
        try:
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return b" 200 OK" in peer.recv(4096)
        except OSError:
            return False

    def check_limit(self, collector, limit):
        peers = [self.connect(collector) for _ in range(limit)]
        self.assertTrue(all(self.is_served(peer) for peer in peers))
        self.assertFalse(self.is_served(self.connect(collector)))
        until(lambda: collector.metrics()["connections_refused_total"] == 1, "the count of what was refused")
        self.assertEqual(collector.metrics()["ingest_connections"], limit)
        peers[0].close()
        until(lambda: self.is_served(self.connect(collector)), "room for another connection")

    def test_connections_are_limited_in_all(self):
        self.check_limit(self.start("--max-connections", "5"), 5)

    def test_one_address_cannot_take_all_connections(self):
        self.check_limit(self.start("--max-connections-per-address", "3"), 3)

    def test_a_trusted_proxy_speaks_for_many(self):
        collector = self.start("--max-connections-per-address", "3", "--trusted-proxy", "127.0.0.0/8")
        self.assertTrue(all(self.is_served(self.connect(collector)) for _ in range(20)))

    def test_the_proxys_own_line_counts_and_not_the_one_that_the_sender_put_before_it(self):
        collector = self.start("--rate-limit", "1", "--trusted-proxy", "127.0.0.0/8")
        body = batch("x", [connection(1, CLOSED)])
        statuses = []
        for n in range(50):
            peer = self.connect(collector)
            peer.sendall(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                         b"X-Forwarded-For: 198.51.100.%d\r\nX-Forwarded-For: 203.0.113.7\r\n"
                         b"Content-Length: %d\r\n\r\n" % (n, len(body)) + body)
            statuses.append(peer.recv(4096).split()[1])
        self.assertIn(b"429", statuses)

    def test_a_refusal_behind_a_heads_answer_has_its_message(self):
        peer = self.connect(self.start())
        peer.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b" 200 OK", peer.recv(4096))
        peer.sendall(b"nonsense\r\n\r\n")
        answer = b""
        while piece := peer.recv(4096):
            answer += piece
        self.assertIn(b'{"error":"this is not HTTP', answer)

    def test_refusals_of_bad_http_are_counted(self):
        collector = self.start()
        for data in (b"nonsense\r\n\r\n", b"POST /v1/batches HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"GET / HTTP/1.1\r\nX: " + b"y" * 20000 + b"\r\n\r\n"):
            peer = self.connect(collector)
            peer.sendall(data)
            self.assertRegex(peer.recv(4096), rb"^HTTP/1\.1 4")
        self.assertEqual(collector.metrics()["requests_malformed_total"], 3)


class Metrics(base.CollectorTest):
    def test_every_metric_of_the_alert_rules_exists(self):
        with open(os.path.join(DEPLOY, "alerts.yml")) as file:
            named = set(re.findall(r"whydrop_collector_([a-z_]+)", file.read()))
        shown = {name.split("{")[0] for name in self.start().metrics()}
        self.assertGreater(len(named), 10)
        self.assertEqual(named - shown, set())
        # Whatever is not taken, or not whole, must wake somebody.
        losses = {name for name in shown if re.search("refused|unavailable|conflict|out_of_bounds|unreadable|unauthorized|"
                                                      "limited|over_quota|malformed|failed|over_limit|overused|folded|"
                                                      "damaged|lost|aside", name)}
        self.assertGreater(len(losses), 12)
        self.assertEqual(losses - named, set())

    def test_metrics_are_what_prometheus_reads(self):
        series, types = {}, {}
        for line in self.start().get("/metrics")[1].decode().splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertNotIn(name, types)
                types[name] = kind
            elif line.startswith("# HELP "):
                self.assertRegex(line, r"^# HELP whydrop_collector_[a-z_]+ [A-Z0-9/].*\.$")
            else:
                match = re.fullmatch(r'([a-z_]+)(\{[a-z]+="[^"]*"\})? (-?[0-9.]+)', line)
                self.assertTrue(match, line)
                series.setdefault(match[1], []).append(match[2])
        for name in series:
            family = re.sub("_(bucket|sum|count)$", "", name) if name not in types else name
            self.assertIn(family, types, name)
            self.assertEqual(types[family] == "counter", family.endswith("_total"), name)
        for family, kind in types.items():
            self.assertTrue([n for n in series if n.startswith(family)], family)
            self.assertTrue(family.startswith("whydrop_collector_"))

    def test_answers_are_counted_by_how_long_they_took(self):
        collector = self.start()
        for n in range(5):
            collector.post(batch("m%d" % n))
        found = collector.metrics()
        buckets = [value for name, value in found.items() if name.startswith("answer_seconds_bucket")]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual((buckets[-1], found["answer_seconds_count"], found["batches_waiting"]), (5, 5, 0))
        self.assertGreater(found["resident_memory_bytes"], 1 << 20)
        self.assertLess(abs(found["start_time_seconds"] - time.time()), 600)


class Certificate(base.CollectorTest):
    def test_its_end_is_a_metric_and_a_near_one_is_told_at_the_start(self):
        log = self.path("log")
        for days in (2, 90):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-subj", "/CN=localhost", "-days", str(days), "-keyout", self.path("key.pem"), "-out",
                            self.path("cert.pem")], check=True, capture_output=True)
            self.path("log", "")
            collector = self.start("--tls-cert", self.path("cert.pem"), "--tls-key", self.path("key.pem"), log=log)
            end_s = collector.metrics()["tls_certificate_end_time_seconds"]
            self.assertLess(abs(end_s - time.time() - days * 86400), 600)
            with open(log) as file:
                self.assertEqual("event=certificate" in file.read(), days == 2)
            collector.stop()
        self.assertEqual(self.start().metrics()["tls_certificate_end_time_seconds"], 0)


class Unit(base.CollectorTest):
    def test_systemd_takes_the_service_and_finds_it_closed(self):
        with open(os.path.join(DEPLOY, "whydrop-collector.service")) as file:
            text = file.read()
        self.assertEqual(text.count("/usr/bin/whydrop-collector"), 2)
        unit = self.path("whydrop-collector.service", text.replace("/usr/bin/whydrop-collector",
                                                                   os.path.abspath(base.COLLECTOR)))
        for command in (["verify", "--man=no", "--recursive-errors=no", unit],
                        ["security", "--offline=yes", "--no-pager", "--threshold=20", unit]):
            run = subprocess.run(["systemd-analyze", *command], capture_output=True, text=True, timeout=120)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_systemd_waits_as_long_as_the_orderly_end_of_the_example_takes(self):
        def number(name, start):
            with open(os.path.join(DEPLOY, name)) as file:
                return int(re.search("^" + start + r" *= *(\d+)$", file.read(), re.M).group(1))
        takes = number("collector.toml", "stop-delay") + number("collector.toml", "drain") + OF_A_CLUSTER_S
        self.assertLessEqual(takes, number("whydrop-collector.service", "TimeoutStopSec"))


if __name__ == "__main__":
    base.main()
