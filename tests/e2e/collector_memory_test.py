"""What strangers can make the collector hold at once: many uploads that begin and do not go on."""
import json
import os
import socket
import unittest

import collector_driver as base
from collector_driver import ACCEPTED, CLOSED, batch, connection, until

LARGEST = 256 * 1024
MIB = 1024 * 1024


def large(name):
    """A report that is more than what every connection has room for."""
    return batch(name, [connection(n, CLOSED, "%s-%d" % (name, n)) for n in range(1, 1001)])


class Memory(base.CollectorTest):
    def start(self, *flags):
        # A sanitizer would keep what is freed, a quarter of a gigabyte of it.
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        return super().start(*flags, environment={"ASAN_OPTIONS": options})

    def begin(self, collector, lines=b"", size=LARGEST, address="127.0.0.1"):
        """Begins an upload; returns its connection and what the collector said to the header."""
        peer = socket.create_connection(("127.0.0.1", collector.ingest_port), base.PATIENCE_S, source_address=(address, 0))
        self.addCleanup(peer.close)
        peer.sendall(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\n" + lines +
                     b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % size)
        return peer, peer.recv(4096)

    def stall(self, collector, count, **how):
        """Uploads that stop one byte before their end; returns those that were begun, and the answers to the others."""
        held, refused = [], []
        for _ in range(count):
            peer, answer = self.begin(collector, **how)
            if b" 100 Continue" not in answer:
                refused.append(answer)
                continue
            peer.sendall(b"x" * (how.get("size", LARGEST) - 1))
            held.append(peer)
        return held, refused

    def resident(self, collector):
        return collector.metrics()["resident_memory_bytes"]

    def test_stalled_uploads_take_no_more_than_their_memory_and_others_get_through(self):
        collector = self.start("--body-memory", "16", "--max-connections-per-address", "0")
        self.assertEqual(collector.post(large("first")), ACCEPTED)
        before = self.resident(collector)
        held, refused = self.stall(collector, 400)
        self.assertEqual((len(held), len(refused)), (64, 336))
        for answer in refused:
            self.assertRegex(answer, rb"^HTTP/1\.1 503 (?s:.*)\r\nRetry-After: 30\r\n")
            self.assertIn("send it again", json.loads(answer.split(b"\r\n\r\n")[1])["error"])
        # Without the bound they would take 100 MiB.
        self.assertLess(self.resident(collector) - before, 60 * MIB)
        self.assertEqual(collector.metrics()["body_memory_bytes"], 16 * MIB)
        self.assertEqual(collector.metrics()["bodies_refused_total"], len(refused))

        self.assertEqual(collector.post(large("large")), 503)
        self.assertEqual(collector.post(batch("small", [connection(1, CLOSED)])), ACCEPTED)
        for peer in held:
            self.assertEqual(peer.recv(4096), b"")  # it is cut when its time is up
        until(lambda: collector.metrics()["body_memory_bytes"] == 0, "the memory of those that were cut")
        self.assertEqual(collector.metrics()["connections_timed_out_total"], len(held))
        self.assertEqual(collector.post(large("large")), ACCEPTED)
        self.assertEqual(collector.json("/v1/attribution")["connections"], 2001)

    def test_a_header_of_many_short_lines_is_not_held_while_its_body_stalls(self):
        collector = self.start("--max-connections-per-address", "0")
        self.assertEqual(collector.post(batch("first")), ACCEPTED)
        before = self.resident(collector)
        held, refused = self.stall(collector, 600, lines=b"a:\r\n" * 4000, size=100)
        self.assertEqual((len(held), refused), (600, []))
        # Parsed, they would take 200 MiB.
        self.assertLess(self.resident(collector) - before, 60 * MIB)

    def test_one_address_cannot_take_the_memory_of_all(self):
        flags = ("--body-memory", "2", "--max-connections", "40", "--max-connections-per-address", "20")
        collector = self.start(*flags)
        held, refused = self.stall(collector, 6, address="127.0.0.2")
        self.assertEqual((len(held), len(refused)), (4, 2))
        self.assertEqual(collector.post(large("other")), ACCEPTED)
        collector.stop()
        trusting = self.start(*flags, "--trusted-proxy", "127.0.0.2/32")
        held, refused = self.stall(trusting, 10, address="127.0.0.2")
        self.assertEqual((len(held), len(refused)), (8, 2))

    def test_a_body_gives_its_memory_back_however_it_ends(self):
        collector = self.start("--body-memory", "1")
        client = collector.connect()
        for n in range(20):  # read, and answered
            self.assertEqual(collector.post(large("r%d" % n), client), ACCEPTED)
        client.close()
        for _ in range(20):  # read, and refused
            self.assertEqual(collector.post_raw(b"x" * LARGEST)[0], 413)
        for _ in range(20):  # cut
            peer, answer = self.begin(collector)
            self.assertIn(b" 100 Continue", answer)
            peer.sendall(b"x" * 1000)
            peer.close()
            until(lambda: collector.metrics()["body_memory_bytes"] == 0, "the memory of one that went away")


if __name__ == "__main__":
    base.main()
