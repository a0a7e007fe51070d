"""What a collector meets besides batches: strangers, proxies, slow peers, full disks and sudden ends.

WHYDROP_TEST_FULL=1 kills it 200 times under load; otherwise 48 times.
"""
import http.client
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import unittest

import collector_driver as base
import programs
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

    def test_uploads_sent_without_waiting_are_all_taken(self):
        collector = self.start()
        data = b""
        for n, size in enumerate((1, 300, 2, 600, 1)):  # of some bytes, and of more than are read with a header
            body = batch("p%d" % n, [connection(i, CLOSED) for i in range(1, size + 1)])
            data += b"POST /v1/batches HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n" % len(body)
            data += body
        with self.raw(collector) as peer:
            peer.sendall(data)
            answers = b""
            while answers.count(b"HTTP/1.1 200 OK") < 5:
                piece = peer.recv(65536)
                self.assertTrue(piece, answers)
                answers += piece
        self.assertEqual(collector.json("/v1/attribution")["connections"], 904)

    def test_a_body_whose_length_is_not_told_is_refused_whatever_the_method(self):
        collector = self.start()
        for method in (b"POST", b"PUT", b"GET", b"DELETE"):
            with self.subTest(method), self.raw(collector) as peer:
                peer.sendall(method + b" /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
                self.assertRegex(peer.recv(4096), rb'^HTTP/1\.1 411 (?s:.*){"error":"a Content-Length header is needed"}')

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
        process = programs.start([base.COLLECTOR, "--listen", "[::1]:0", "--admin-listen", "[::1]:0", "--store",
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
        """Of requests that are refused without a look at the disk: a slow one would make pauses that the limit allows."""
        return [collector.post_raw(b"\xff", X_Forwarded_For=sender_of(n))[0] for n in range(8)]

    def test_behind_a_trusted_proxy_the_limit_is_the_senders(self):
        trusting = self.start("--rate-limit", "1", "--trusted-proxy", "127.0.0.0/8")
        self.assertEqual(set(self.answers(trusting, lambda n: "6.6.6.6, 198.51.100.%d" % n)), {400})
        self.assertIn(429, self.answers(trusting, lambda n: "6.6.6.%d, 203.0.113.1" % n))
        self.assertIn(429, self.answers(trusting, lambda n: "2001:db8::%d" % n))

    def test_without_a_trusted_proxy_nobody_chooses_his_address(self):
        plain = self.start("--rate-limit", "1")
        self.assertIn(429, self.answers(plain, lambda n: "198.51.100.%d" % n))

    def test_a_stranger_behind_a_proxy_is_no_server_because_the_proxy_is_on_this_machine(self):
        server = batch("s", [connection(1, CLOSED)], role=1)
        self.assertEqual(self.start("--trusted-proxy", "127.0.0.1/32").post(server), 403)


class SmallDisk(base.CollectorTest):
    def mount(self, megabytes):
        """A file system of its own, and a file on it that fills it up."""
        self.room = os.path.join(self.directory.name, "room")
        os.mkdir(self.room)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % megabytes, "none", self.room],
                          capture_output=True).returncode:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.room], check=True)
        self.ballast = os.path.join(self.room, "ballast")

    def fill(self, leave_kilobytes):
        with open(self.ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass
        os.truncate(self.ballast, max(0, os.path.getsize(self.ballast) - leave_kilobytes * 1024))


class Disk(SmallDisk):
    def test_a_full_disk_answers_503_stores_no_half_and_goes_on_when_there_is_room(self):
        self.mount(16)
        collector = base.Collector(self.room)
        self.addCleanup(collector.stop)
        self.fill(300)
        batches = [batch("n%d" % n, [connection(i, CLOSED) for i in range(1, 201)]) for n in range(40)]
        stored = [collector.post(data) for data in batches]
        self.assertIn(503, stored)
        self.assertEqual(set(stored), {ACCEPTED, 503})
        accepted = stored.count(ACCEPTED)
        self.assertEqual(collector.json("/v1/attribution")["connections"], 200 * accepted)
        os.remove(self.ballast)
        for data, before in zip(batches[:20], stored):
            self.assertEqual(collector.post(data), DUPLICATE if before == ACCEPTED else ACCEPTED)
        expected = 20 + stored[20:].count(ACCEPTED)
        self.assertEqual(collector.json("/v1/attribution")["connections"], 200 * expected)


class Senders:
    """Players and servers that keep each report until it is acknowledged, as the SDK does, over all restarts."""
    WORKERS = 4

    def __init__(self):
        self.lock = threading.Lock()
        self.waiting = []  # (name, bytes), sent before and not acknowledged
        self.acknowledged = {}  # name -> bytes
        self.sent = {}  # name -> how often
        self.made = 0
        self.refused = 0

    def make(self):
        """What both ends of one connection report; the server's report comes first for every other one."""
        name = "k%d" % self.made
        self.made += 1
        client = (name, batch(name, [connection(1, CLOSED, name), connection(2, CLOSED)]))
        server = ("s" + name, batch("s" + name, [connection(1, CLOSED, name)], role=1))
        self.waiting += [client, server] if self.made % 2 else [server, client]

    def take(self, makes_more):
        with self.lock:
            if not self.waiting and makes_more:
                self.make()
            if not self.waiting:
                return None
            name, data = self.waiting.pop(0)
            self.sent[name] = self.sent.get(name, 0) + 1
            return name, data

    def give_back(self, one):
        with self.lock:
            self.waiting.append(one)

    def run(self, collector, makes_more, first):
        client = collector.connect()
        one = None
        try:
            while True:
                one = self.take(makes_more)
                if one is None:
                    return
                answer = collector.post(one[1], client)
                if answer in (ACCEPTED, DUPLICATE):
                    # A duplicate is the rest of a report whose first answer was cut off.
                    assert answer == ACCEPTED or self.sent[one[0]] > 1, "%s was never sent before" % one[0]
                    with self.lock:
                        self.acknowledged[one[0]] = one[1]
                    first.set()
                else:
                    assert answer == 503, answer
                    self.refused += 1
                    self.give_back(one)
                    first.set()
                    if not makes_more:
                        return
                one = None
        except (OSError, http.client.HTTPException, IndexError, ValueError, KeyError):
            if one is not None:
                self.give_back(one)  # the answer was cut: not acknowledged
        finally:
            client.close()

    def start(self, collector, makes_more=True):
        first = threading.Event()
        threads = [threading.Thread(target=self.run, args=(collector, makes_more, first)) for _ in range(self.WORKERS)]
        for thread in threads:
            thread.start()
        return threads, first


class Kill(SmallDisk):
    FULL_DISK_EVERY = 8

    def test_counts_are_exact_however_often_it_is_killed_with_a_full_disk_in_between(self):
        rounds = 200 if FULL else 48
        self.mount(1024 if FULL else 256)
        rng = random.Random(7)
        senders = Senders()
        stopped_full = 0
        for number in range(1, rounds + 1):
            collector = base.Collector(self.room, "--rate-limit", "0", "--join-window", "2")
            threads, first = senders.start(collector)
            self.assertTrue(first.wait(base.PATIENCE_S))
            if number % self.FULL_DISK_EVERY == 0:
                before = senders.refused
                self.fill(64)
                while senders.refused == before:  # the disk is full once the first report is refused
                    self.assertIsNone(collector.process.poll())
                    threading.Event().wait(0.01)
                stopped_full += 1
            threading.Event().wait(rng.random() * 0.15)  # somewhere inside the load, at no certain place
            collector.stop(signal.SIGKILL)
            for thread in threads:
                thread.join()
            if os.path.exists(self.ballast):
                os.remove(self.ballast)
        last = base.Collector(self.room, "--rate-limit", "0", "--join-window", "2")
        self.addCleanup(last.stop)
        for thread in senders.start(last, makes_more=False)[0]:
            thread.join()
        self.assertEqual(senders.waiting, [])
        self.assertEqual(len(senders.acknowledged), 2 * senders.made)
        client = last.connect()
        for name in rng.sample(sorted(senders.acknowledged), min(500, len(senders.acknowledged))):
            self.assertEqual(last.post(senders.acknowledged[name], client), DUPLICATE, name)
        client.close()
        # Both ends of each pair are one connection, the client's second one another.
        for group_by in ("cause", "endpoint,network", "endpoint"):
            answer = last.json("/v1/attribution?group_by=" + group_by)
            self.assertEqual(answer["connections"], 2 * senders.made, group_by)
            self.assertEqual(answer["reported"], 2 * senders.made, group_by)
            self.assertEqual(answer["unjoined_server_records"], 0, group_by)
        self.assertEqual(last.json("/v1/session_ends")["sessions"], senders.made)
        last.stop()
        db = sqlite3.connect(last.store)
        self.assertEqual(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")
        self.assertEqual(db.execute("SELECT count(*) FROM batches").fetchone()[0], 2 * senders.made)
        self.assertEqual(db.execute("SELECT count(*) FROM records").fetchone()[0], 3 * senders.made)
        db.close()
        print("killed %d times, %d of them with a full disk, %d reports, %d refused meanwhile, none lost or double" % (
            rounds, stopped_full, 2 * senders.made, senders.refused))


if __name__ == "__main__":
    base.main()
