"""A game server with ten thousand real connections in server role, killed in the middle: both ends report, nothing is
lost, and every cause is the true one. What the SDK costs the server is measured and printed.

usage: crowd_test.py GAME_FOLDER COLLECTOR
"""
import os
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import collector_driver
import crowd_driver
from collector_driver import CollectorTest

WANTED = 10000
MEASURED_S = 5


class Crowd(CollectorTest):
    def eventually(self, question, expected):
        """The server reports on a thread of its own."""
        deadline = time.monotonic() + crowd_driver.PATIENCE_S
        while question() != expected:
            self.assertLess(time.monotonic(), deadline, (question(), expected))
            threading.Event().wait(0.2)

    def test_no_connection_of_a_killed_server_is_lost_and_every_cause_is_the_true_one(self):
        players = crowd_driver.most_connections(WANTED)
        if players < WANTED:
            print(f"skipped: {WANTED - players} of {WANTED} connections, because of the limit of open files", flush=True)
        self.assertGreater(players, 0)
        collector = self.start("--rate-limit", "0")
        state, url = os.path.join(self.directory.name, "server"), f"http://127.0.0.1:{collector.ingest_port}"
        server = crowd_driver.Server(state, url)
        self.addCleanup(server.end, signal.SIGKILL)
        before_kib = server.resident_kib()
        each = dict(kicked=25, closed=25, leaving=25)
        crowds = crowd_driver.Crowds(self.directory.name, url, server.port, players, **each)
        for program in crowds.programs:
            self.addCleanup(program.end, signal.SIGKILL)
        crowds.await_all("connected")
        crowds.await_all("settled")
        cost = server.measure(MEASURED_S)
        gone = crowds.count * sum(each.values())
        self.eventually(lambda: self.attribution(collector, "connections", "reported"), (gone, 0))

        server.end(signal.SIGKILL)
        crowds.await_all("ended")
        self.assertEqual([program.end() for program in crowds.programs], [0] * crowds.count)
        self.assertEqual(crowds.relaunch(), [0] * crowds.count)
        # Until the server's next launch its records say that the connections are open.
        self.assertEqual(self.attribution(collector, "connections", "reported"), (players, players))
        again = crowd_driver.Server(state, url)
        self.addCleanup(again.end, signal.SIGKILL)
        self.assertEqual(again.end(signal.SIGTERM), 0)

        self.assertEqual(self.attribution(collector, "connections", "reported", "unjoined_server_records", "pending"),
                         (players, players, 0, 0))
        self.assertEqual(collector.causes(), {
            "server_kick": crowds.count * each["kicked"], "server_close": crowds.count * each["closed"],
            "local_close": crowds.count * each["leaving"], "server_died": players - gone})
        print(f"\n{players} open connections, a report a second: the SDK's worker {100 * cost['worker']:.1f} % of a core,"
              f" the whole server {100 * cost['all']:.1f} %; resident memory {(cost['resident_kib'] - before_kib) / 1024:.1f}"
              " MiB more than without players", flush=True)

    @staticmethod
    def attribution(collector, *names):
        found = collector.json("/v1/attribution?app_id=" + crowd_driver.APP)
        return tuple(found[name] for name in names)


if __name__ == "__main__":
    crowd_driver.GAME, collector_driver.COLLECTOR = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
