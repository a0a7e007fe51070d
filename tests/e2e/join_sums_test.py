"""10,000 connections reported by both ends: a tenth of the batches comes twice, a tenth late, a twentieth of the clients
never. The sums of the attribution equal the truth, before and after the late ones came.

Every batch is posted by several threads over HTTP, as a game's players do. The store is the one named by --store-url; it
must be empty. Without it: SQLite in a folder of its own.
"""
import argparse
import collections
import concurrent.futures
import queue
import sys
import threading
import time
import unittest

import collector_driver
from collector_driver import ACCEPTED, CLOSED, DUPLICATE, RESET, CollectorTest, batch, connection, crashed

STORE_URL = None
COUNT = 10000
SERVERS = 20
THREADS = 4
WINDOW_S = 10
PATIENCE_S = 120

KILLED = dict(established=1, protocol=1, ended_ms=1000, session_end=201, session_end_confidence=2)
PEER_CLOSED = dict(established=1, protocol=1, peer_closed=1, ended_ms=1000)
CLIENT_WAITED = dict(established=1, protocol=1, error_kind=4, os_error=110, operation=5, retransmits=6, outq_bytes=9,
                     ended_ms=1000)
SERVER_WAITED = dict(established=1, protocol=1, operation=7, closed_locally=1, close_reason=5, ended_ms=1000)

# What happened: what the client saw, what the server saw, the cause, the cause by the client's record alone and by the
# server's alone.
Kind = collections.namedtuple("Kind", "client server truth client_alone server_alone")
KINDS = (
    Kind(crashed(), RESET, "client_crash", "client_crash", "unknown"),
    Kind(KILLED, PEER_CLOSED, "client_killed", "client_killed", "unknown"),
    Kind(dict(CLOSED, close_reason=2), PEER_CLOSED, "local_close", "local_close", "unknown"),
    Kind(PEER_CLOSED, CLOSED, "server_close", "server_close", "server_close"),
    Kind(dict(RESET, outq_bytes=0), dict(CLOSED, close_reason=3), "server_kick", "server_reset", "server_kick"),
    Kind(dict(RESET, outq_bytes=0), dict(CLOSED, unread_at_close_bytes=9), "server_reset", "server_reset",
         "server_reset"),
    Kind(CLIENT_WAITED, SERVER_WAITED, "path_timeout", "path_timeout", "server_idle_timeout"),
)


class Truth:
    """By number of the connection, every choice fixed: a failure can be repeated."""

    def __init__(self, count):
        numbers = range(count)
        self.kind = [KINDS[n % len(KINDS)] for n in numbers]
        # 20 steps are two tenths and a twentieth of each kind; 7 kinds and 20 have no common divisor.
        self.never = {n for n in numbers if n % 20 == 0}
        self.client_late = {n for n in numbers if n % 20 == 7}
        self.server_late = {n for n in numbers if n % 20 == 13}
        self.twice = {n for n in numbers if n % 10 == 4}

    def causes(self, late_came):
        found = collections.Counter()
        for n, kind in enumerate(self.kind):
            if n in self.never or (n in self.client_late and not late_came):
                found[kind.server_alone] += 1
            elif n in self.server_late and not late_came:
                found[kind.client_alone] += 1
            else:
                found[kind.truth] += 1
        return dict(found)


class Posts:
    """Batches posted from several threads, each over one connection; the verdicts in their order."""

    def __init__(self, collector):
        self._collector = collector
        self._idle = queue.SimpleQueue()
        for _ in range(THREADS):
            self._idle.put(collector.connect())

    def _post(self, data):
        client = self._idle.get()
        verdict = self._collector.post(data, client)
        self._idle.put(client)
        return verdict

    def send(self, batches):
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(self._post, batches))

    def close(self):
        while not self._idle.empty():
            self._idle.get().close()


class JoinSums(CollectorTest):
    def setUp(self):
        super().setUp()
        self.truth = Truth(COUNT)

    def client_batch(self, n):
        return batch("c%d" % n, [connection(1, self.truth.kind[n].client, "t%d" % n)])

    def server_batches(self, numbers, rotation):
        """Of every server one rotation with those of its connections that are in `numbers`."""
        batches = []
        for server in range(SERVERS):
            own = [connection(1 + n // SERVERS, self.truth.kind[n].server, "t%d" % n)
                   for n in numbers if n % SERVERS == server]
            batches += [batch("s%d" % server, own, role=1, rotation=rotation)] if own else []
        return batches

    def send_all(self, posts, batches):
        self.assertEqual(collections.Counter(posts.send(batches)), {ACCEPTED: len(batches)})

    def sums(self, collector):
        found = collector.json("/v1/attribution?app_id=game&group_by=cause")
        causes = {group["cause"]: group["connections"] for group in found["groups"]}
        return causes, (found["connections"], found["reported"], found["unjoined_server_records"]), found["pending"]

    def await_decided(self, collector):
        deadline = time.monotonic() + PATIENCE_S
        while self.sums(collector)[2] != 0:
            self.assertLess(time.monotonic(), deadline)
            threading.Event().wait(0.2)

    def test_the_sums_equal_the_truth_with_duplicates_late_reports_and_silent_clients(self):
        truth = self.truth
        collector = self.start("--join-window", str(WINDOW_S), "--rate-limit", "0", store_url=STORE_URL)
        posts = Posts(collector)
        self.addCleanup(posts.close)
        numbers = range(COUNT)
        self.send_all(posts, self.server_batches([n for n in numbers if n not in truth.server_late], 0))
        in_time = [n for n in numbers if n not in truth.never | truth.client_late]
        batches = []
        for n in in_time:
            # The second one is often under way while the first is stored: of the two exactly one counts.
            batches += [self.client_batch(n)] * (2 if n in truth.twice else 1)
        verdicts = collections.Counter(posts.send(batches))
        twice = len(truth.twice & set(in_time))
        self.assertEqual(verdicts, {ACCEPTED: len(in_time), DUPLICATE: twice})
        one_end = len(truth.never | truth.client_late | truth.server_late)
        pending = self.sums(collector)[2]
        self.assertTrue(0 < pending <= one_end, (pending, one_end))

        self.await_decided(collector)
        reported = COUNT - len(truth.never)
        self.assertEqual(self.sums(collector), (truth.causes(late_came=False),
                                                (COUNT, reported - len(truth.client_late), 0), 0))
        self.send_all(posts, [self.client_batch(n) for n in sorted(truth.client_late)])
        self.send_all(posts, self.server_batches(sorted(truth.server_late), 1))
        self.assertEqual(self.sums(collector), (truth.causes(late_came=True), (COUNT, reported, 0), 0))

        # A tenth of everything once more, long after it was joined: nothing moves.
        again = [self.client_batch(n) for n in in_time if n % 10 == 9] + self.server_batches(sorted(truth.server_late), 1)
        self.assertEqual(collections.Counter(posts.send(again)), {DUPLICATE: len(again)})
        self.assertEqual(self.sums(collector), (truth.causes(late_came=True), (COUNT, reported, 0), 0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collector", required=True)
    parser.add_argument("--store-url")
    known, rest = parser.parse_known_args()
    collector_driver.COLLECTOR, STORE_URL = known.collector, known.store_url
    unittest.main(argv=[sys.argv[0], *rest])
