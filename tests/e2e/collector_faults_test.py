"""What a collector meets besides batches: strangers, proxies, slow peers, full disks and sudden ends.

WHYDROP_TEST_FULL=1 kills it 200 times under load; otherwise as often as fits into a minute.
"""
import argparse
import http.client
import os
import random
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
from collector_driver import ACCEPTED, CLOSED, DUPLICATE, batch, connection, message

FULL = os.environ.get("WHYDROP_TEST_FULL", "") not in ("", "0")


class Strangers(base.CollectorTest):
    def raw(self, collector):
        return socket.create_connection(("127.0.0.1", collector.ingest_port), timeout=20)

    def test_a_request_in_many_pieces_is_one_request(self):
        collector = self.start()
        body = batch("a", [connection(1, CLOSED)])
        head = ("POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                "Content-Length: %d\r\n\r\n" % len(body)).encode()
        with self.raw(collector) as peer:
            for byte in head + body:
                peer.send(bytes([byte]))
            self.assertIn(b" 200 OK", peer.recv(4096))
        self.assertEqual(collector.json("/v1/attribution")["connections"], 1)

    def test_requests_sent_without_waiting_are_answered_in_order(self):
        collector = self.start()
        wanted = []
        data = b""
        for path, status in [(b"/healthz", b"200"), (b"/nope", b"404"), (b"/v1/batches", b"405")] * 20:
            data += b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n"
            wanted.append(status)
        with self.raw(collector) as peer:
            peer.sendall(data + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b""
            while True:
                piece = peer.recv(65536)
                if not piece:
                    break
                answer += piece
        got = re.findall(rb"HTTP/1\.1 (\d+)", answer)
        self.assertEqual(got, wanted + [b"200"])

    def test_two_lengths_or_a_length_and_chunks_are_refused(self):
        collector = self.start()
        for lines in (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                      b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n", b"Content-Length : 5\r\n"):
            with self.subTest(lines), self.raw(collector) as peer:
                peer.sendall(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\nhello")
                self.assertRegex(peer.recv(4096), rb"^HTTP/1\.1 4")
                self.assertEqual(peer.recv(4096), b"")

    def test_continue_is_said_before_the_body_and_a_wrong_length_is_not_waited_for(self):
        collector = self.start()
        body = batch("a", [connection(1, CLOSED)])
        head = "POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n%s\r\n"
        with self.raw(collector) as peer:
            peer.sendall((head % (len(body), "Expect: 100-continue\r\n")).encode())
            self.assertEqual(peer.recv(4096), b"HTTP/1.1 100 Continue\r\n\r\n")
            peer.sendall(body)
            self.assertIn(b" 200 OK", peer.recv(4096))
        with self.raw(collector) as peer:
            peer.sendall((head % (300000, "")).encode())
            self.assertIn(b" 413 ", peer.recv(4096))
        with self.raw(collector) as peer:
            peer.sendall((head % (len(body), "")).encode() + body[:-1])
            peer.shutdown(socket.SHUT_WR)
            self.assertEqual(peer.recv(4096), b"")

    def test_idle_connections_to_one_address_leave_the_other_alone(self):
        collector = self.start()
        held = [self.raw(collector) for _ in range(300)]
        for peer in held:
            peer.sendall(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\n")
        self.assertEqual(collector.post(batch("a")), ACCEPTED)
        self.assertEqual(collector.get("/healthz")[0].status, 200)
        for peer in held:
            peer.close()

    def test_a_queue_of_questions_does_not_hold_up_uploads(self):
        collector = self.start()
        collector.post(batch("a", [connection(1, CLOSED)]))
        threads = [threading.Thread(target=lambda: collector.get("/v1/attribution?group_by=cause,day,endpoint"))
                   for _ in range(32)]
        for thread in threads:
            thread.start()
        self.assertEqual(collector.post(batch("b")), ACCEPTED)
        for thread in threads:
            thread.join()

    def test_plain_text_on_a_tls_port_and_an_unreadable_key_are_told(self):
        cert, key = (os.path.join(self.directory.name, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-passout",
                        "pass:secret", "-subj", "/CN=localhost", "-days", "2", "-keyout", key, "-out", cert],
                       check=True, capture_output=True)
        code, text = self.fails("--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store",
                                "sqlite:" + os.path.join(self.directory.name, "t.db"), "--tls-cert", cert, "--tls-key", key)
        self.assertEqual(code, 1)
        self.assertIn(key, text)

    def test_tags_beyond_their_number_are_refused_before_they_take_memory(self):
        collector = self.start()
        flood = message([(1, "game"), (2, "1.0")]) + b"\x32\x00" * 400000
        body = message([(1, message([(1, base.session_id("f"))])), (3, flood)])
        self.assertEqual(collector.post(body), 413)
        self.assertEqual(collector.post(batch("a")), ACCEPTED)


class Addresses(base.CollectorTest):
    def test_it_listens_on_ipv6(self):
        process = subprocess.Popen([base.COLLECTOR, "--listen", "[::1]:0", "--admin-listen", "[::1]:0", "--store",
                                    "sqlite:" + os.path.join(self.directory.name, "v6.db")],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            line = process.stdout.readline()
            self.assertIn("ingest=http://[::1]:", line)
            port = int(line.split()[1].rsplit(":", 1)[1])
            client = http.client.HTTPConnection("::1", port, timeout=20)
            client.request("POST", "/v1/batches", batch("a"), {"Content-Type": "application/x-protobuf"})
            self.assertEqual(client.getresponse().status, 200)
            client.close()
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()

    def answers(self, collector, sender_of):
        return [collector.post(batch("r%d" % n), X_Forwarded_For=sender_of(n)) for n in range(8)]

    def test_behind_a_trusted_proxy_the_limit_is_the_senders(self):
        trusting = self.start("--rate-limit", "1", "--trusted-proxy", "127.0.0.0/8")
        self.assertNotIn(429, self.answers(trusting, lambda n: "6.6.6.6, 198.51.100.%d" % n))
        self.assertIn(429, self.answers(trusting, lambda n: "6.6.6.%d, 203.0.113.1" % n))
        self.assertIn(429, self.answers(trusting, lambda n: "2001:db8::%d" % n))

    def test_without_a_trusted_proxy_nobody_chooses_his_address(self):
        plain = self.start("--rate-limit", "1")
        self.assertIn(429, self.answers(plain, lambda n: "198.51.100.%d" % n))

    def test_a_stranger_behind_a_proxy_is_no_server_because_the_proxy_is_on_this_machine(self):
        server = batch("s", [connection(1, CLOSED)], role=1)
        self.assertEqual(self.start("--trusted-proxy", "127.0.0.1/32").post(server), 403)


class Disk(base.CollectorTest):
    def test_a_full_disk_answers_503_stores_no_half_and_goes_on_when_there_is_room(self):
        room = os.path.join(self.directory.name, "room")
        os.mkdir(room)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", room], capture_output=True).returncode:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", room], check=True)
        collector = base.Collector(room)
        self.addCleanup(collector.stop)
        ballast = os.path.join(room, "ballast")
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        os.truncate(ballast, max(0, os.path.getsize(ballast) - 300 * 1024))
        batches = [batch("n%d" % n, [connection(i, CLOSED) for i in range(1, 201)]) for n in range(40)]
        stored = [collector.post(data) for data in batches]
        self.assertIn(503, stored)
        self.assertEqual(set(stored), {ACCEPTED, 503})
        accepted = stored.count(ACCEPTED)
        self.assertEqual(collector.json("/v1/attribution")["connections"], 200 * accepted)
        os.remove(ballast)
        for data, before in zip(batches[:20], stored):
            self.assertEqual(collector.post(data), DUPLICATE if before == ACCEPTED else ACCEPTED)
        expected = 20 + stored[20:].count(ACCEPTED)
        self.assertEqual(collector.json("/v1/attribution")["connections"], 200 * expected)


class Kill(base.CollectorTest):
    def test_nothing_acknowledged_is_lost_and_nothing_doubled_however_often_it_is_killed(self):
        rounds, deadline = (200, float("inf")) if FULL else (200, time.monotonic() + 55)
        rng = random.Random(7)
        acknowledged = []
        lock = threading.Lock()
        done = 0
        for done in range(1, rounds + 1):
            collector = base.Collector(self.directory.name, "--rate-limit", "0")
            first = threading.Event()

            def run(worker):
                client = collector.connect()
                try:
                    for n in range(100000):
                        name = "k%d-%d-%d" % (done, worker, n)
                        token = "t%s" % name if n % 2 else None
                        if collector.post(batch(name, [connection(1, CLOSED, token)]), client) == ACCEPTED:
                            with lock:
                                acknowledged.append((name, token))
                            first.set()
                except (OSError, http.client.HTTPException, IndexError, ValueError, KeyError, AssertionError):
                    pass  # the answer was cut: not acknowledged
                finally:
                    client.close()
            threads = [threading.Thread(target=run, args=(w,)) for w in range(4)]
            for thread in threads:
                thread.start()
            first.wait(20)
            threading.Event().wait(rng.random() * 0.15)  # somewhere inside the load, at no certain place
            collector.stop(signal.SIGKILL)
            for thread in threads:
                thread.join()
            if time.monotonic() > deadline:
                break
        self.assertGreater(done, 20)
        last = self.start("--rate-limit", "0")
        client = last.connect()
        for name, token in rng.sample(acknowledged, min(3000, len(acknowledged))):
            self.assertEqual(last.post(batch(name, [connection(1, CLOSED, token)]), client), DUPLICATE, name)
        client.close()
        last.stop()
        db = sqlite3.connect(last.store)
        self.assertEqual(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")
        ids = {bytes(row[0]) for row in db.execute("SELECT session_id FROM batches")}
        rows, counted = db.execute("SELECT count(*), sum(count) FROM connections").fetchone()
        db.close()
        self.assertEqual([name for name, _ in acknowledged if base.session_id(name) not in ids], [])
        self.assertEqual((rows, counted), (len(ids), len(ids)))
        print("killed %d times, %d batches acknowledged, %d stored" % (done, len(acknowledged), len(ids)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--collector", required=True)
    known, rest = parser.parse_known_args()
    base.COLLECTOR = known.collector
    unittest.main(argv=[sys.argv[0], *rest])
