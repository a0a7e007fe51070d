"""Clients that launch again and again behind a network that loses three of ten exchanges, to a collector that is killed in
between; one upload of ten is killed too. In the end the sums are those of the witness.

40 clients of 5 launches each, or 300 of 10 with WHYDROP_TEST_FULL set.

usage: chaos_test.py LAUNCH_CHILD COLLECTOR
"""
import collections
import concurrent.futures
import http.client
import http.server
import os
import random
import subprocess
import sys
import threading
import unittest

import launch_driver
import programs

launch_driver.CHILD, launch_driver.COLLECTOR = sys.argv[1:3]
CLIENTS, LAUNCHES = (300, 10) if os.environ.get("WHYDROP_TEST_FULL") else (40, 5)
KILLS = CLIENTS // 8  # of the collector
LOSS, UPLOADS_KILLED = 0.3, 0.1
CAUSES = {"crash": "client_crash", "abort": "client_crash", "exit": "clean_exit", "stop": "local_close",
          "wait": "client_killed"}


class Network(http.server.ThreadingHTTPServer):
    """Hands posts on to the collector, and loses some of them on the way there or back."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Exchange)
        self.collector_address = None
        self.loss = LOSS
        self.lost = collections.Counter()
        self.chance = random.Random(20261128)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1/batches"

    def handle_error(self, *_):
        pass  # clients that are killed leave their connections


class Exchange(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fate = self.server.chance.random()
        if fate < self.server.loss / 2:
            return self.lose("the request")
        try:
            client = http.client.HTTPConnection(self.server.collector_address, timeout=launch_driver.PATIENCE_S)
            client.request("POST", self.path, body, {name: self.headers[name] for name in self.headers})
            answer = client.getresponse()
            data = answer.read()
            client.close()
        except (OSError, http.client.HTTPException):
            return self.lose("the collector")
        if fate < self.server.loss:
            return self.lose("the answer")
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type"))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def lose(self, what):
        self.server.lost[what] += 1
        self.close_connection = True

    def log_message(self, *_):
        pass


class Client:
    """One player's machine."""

    def __init__(self, number, directory, url):
        self._chance = random.Random(number)
        self._state, self._url, self._number = os.path.join(directory, f"client{number}"), url, number
        self.ended = collections.Counter()

    def _run(self, ending, token="none"):
        return programs.start([launch_driver.CHILD, self._state, self._url, token, ending], stdout=subprocess.PIPE,
                              text=True)

    def upload(self, killed=False):
        """True when nothing is left."""
        child = self._run("upload")
        if killed:
            try:
                child.wait(timeout=self._chance.random() * 0.05)  # the moment is what is tested
            except subprocess.TimeoutExpired:
                child.kill()
        out, _ = child.communicate(timeout=launch_driver.PATIENCE_S)
        return out.startswith("flush=0 ")

    def play(self, launch):
        ending = self._chance.choice(sorted(CAUSES))
        child = self._run(ending, f"c{self._number}-{launch}")
        if ending == "wait":
            child.stdout.readline()
            child.kill()
        child.communicate(timeout=launch_driver.PATIENCE_S)
        self.ended[CAUSES[ending]] += 1

    def live(self):
        for launch in range(LAUNCHES):
            self.upload(killed=self._chance.random() < UPLOADS_KILLED)
            self.play(launch)


class Chaos(launch_driver.LaunchTest):
    def setUp(self):
        super().setUp()
        self.network = Network()
        self.addCleanup(self.network.server_close)
        self.addCleanup(self.network.shutdown)
        self.find_collector()

    def find_collector(self):
        self.network.collector_address = self.collector.url.split("/")[2]

    def kill_collector(self):
        self.collector.process.kill()
        self.collector.stop()
        self.collector = launch_driver.Collector(self.directory)
        self.addCleanup(self.collector.stop)
        self.find_collector()

    def test_the_sums_are_the_witness_whatever_is_lost_and_killed(self):
        clients = [Client(number, self.directory, self.network.url) for number in range(CLIENTS)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            living = [pool.submit(client.live) for client in clients]
            for done in range(KILLS):
                living[(done + 1) * CLIENTS // (KILLS + 1)].result()
                self.kill_collector()
            for one in living:
                one.result()
            self.network.loss = 0
            for _ in range(2):  # the second one is of those whose last upload was killed while it harvested
                left = list(pool.map(Client.upload, clients))
        self.assertEqual(left, [True] * CLIENTS)
        truth = sum((client.ended for client in clients), collections.Counter())
        self.assertEqual(self.collector.causes(), dict(truth))
        for what in ("the request", "the answer"):
            self.assertGreater(self.network.lost[what], 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
