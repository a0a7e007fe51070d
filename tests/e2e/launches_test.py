"""Launches of a game against a real collector: nothing is lost, nothing is counted twice.

usage: launches_test.py LAUNCH_CHILD COLLECTOR
"""

import http.server
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

CHILD, COLLECTOR = sys.argv[1:3]


class Collector:
    """A collector process on ports of its own; stops with SIGTERM."""

    def __init__(self, directory):
        self.process = subprocess.Popen(
            [COLLECTOR, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
             "--store", f"sqlite:{directory}/store.db"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.url = None
        for line in self.process.stdout:
            found = re.search(r"ingest=(\S+) admin=(\S+)", line)
            if found:
                self.url, self.admin = found.group(1) + "/v1/batches", found.group(2)
                break
        if self.url is None:
            raise RuntimeError("the collector did not start")
        self.drain = threading.Thread(target=self.process.stdout.read, daemon=True)
        self.drain.start()

    def get(self, path):
        with urllib.request.urlopen(self.admin + path, timeout=10) as answer:
            return json.load(answer)

    def causes(self):
        groups = self.get("/v1/attribution?group_by=cause&app_id=launches")["groups"]
        return {group["cause"]: group["connections"] for group in groups}

    def sessions(self):
        return self.get("/v1/sessions?limit=1000")["sessions"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)
        self.drain.join()
        self.process.stdout.close()


class Portal(http.server.BaseHTTPRequestHandler):
    """Answers everything with 200 and a page, as the login page of a hotel's network does."""

    posts = 0

    def do_POST(self):
        Portal.posts += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        page = b"<html>Welcome! Please log in.</html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


class Launches(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="whydrop-launches-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.collector = Collector(self.directory)
        self.addCleanup(self.collector.stop)
        self.state = os.path.join(self.directory, "state")

    def launch(self, ending, token="t", url=None):
        child = subprocess.Popen([CHILD, self.state, url or self.collector.url, token, ending],
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, child)  # a failed test leaves none behind
        return child

    @staticmethod
    def end(child):
        if child.poll() is None:
            child.kill()
            child.wait(timeout=10)
        child.stdout.close()

    def run_to_end(self, ending, token="t"):
        child = self.launch(ending, token)
        child.communicate(timeout=30)
        return child.returncode

    def upload(self, url=None):
        out, _ = self.launch("upload", url=url).communicate(timeout=60)
        return dict(pair.split("=") for pair in out.split())

    def kill(self, child):
        self.await_ready(child)
        child.kill()
        child.wait(timeout=10)

    def await_ready(self, child):
        self.assertEqual(child.stdout.readline(), "ready\n")

    def test_the_second_launch_reports_and_the_third_is_silent(self):
        self.assertEqual(self.run_to_end("crash"), -signal.SIGSEGV)
        second = self.upload()
        self.assertEqual((second["flush"], second["last"]), ("0", "client_crash"))
        self.assertEqual(second["sent"], "1")
        third = self.upload()
        # The second launch itself was a session without connections: its own report is all that is left to send.
        self.assertEqual((third["sent"], third["waiting"], third["last"]), ("1", "0", "clean_exit"))
        self.assertEqual(self.collector.causes(), {"client_crash": 1})
        ends = sorted(session["end"] for session in self.collector.sessions())
        self.assertEqual(ends.count("client_crash"), 1)

    def test_every_ending_is_told_apart(self):
        self.assertEqual(self.run_to_end("crash", "a"), -signal.SIGSEGV)
        self.assertEqual(self.run_to_end("abort", "b"), -signal.SIGABRT)
        self.assertEqual(self.run_to_end("exit", "c"), 0)
        self.assertEqual(self.run_to_end("stop", "d"), 0)
        self.kill(self.launch("wait", "e"))
        self.assertEqual(self.upload()["flush"], "0")
        self.assertEqual(self.collector.causes(),
                         {"client_crash": 2, "clean_exit": 1, "local_close": 1, "client_killed": 1})

    def test_a_living_instance_is_left_alone_and_counted_once_after_its_end(self):
        first, second = self.launch("wait", "first"), self.launch("wait", "second")
        self.await_ready(second)
        self.kill(first)
        self.upload()
        self.assertEqual(self.collector.causes(), {"client_killed": 1})
        second.kill()
        second.wait(timeout=10)
        self.upload()
        self.upload()
        self.assertEqual(self.collector.causes(), {"client_killed": 2})

    def test_a_captive_portal_takes_nothing(self):
        portal = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Portal)
        threading.Thread(target=portal.serve_forever, daemon=True).start()
        self.addCleanup(portal.server_close)
        self.addCleanup(portal.shutdown)
        self.run_to_end("crash")
        told = self.upload(f"http://127.0.0.1:{portal.server_address[1]}/v1/batches")
        self.assertEqual(told["flush"], "-7")  # WHYDROP_ERROR_TIMEOUT: something is left
        self.assertEqual((told["sent"], told["lost"], told["rejected"]), ("0", "0", "0"))
        self.assertGreaterEqual(int(told["waiting"]), 1)
        self.assertGreaterEqual(Portal.posts, 1)
        self.assertEqual(self.collector.causes(), {})
        self.assertEqual(self.upload()["flush"], "0")
        self.assertEqual(self.collector.causes(), {"client_crash": 1})

    def test_many_instances_harvest_and_upload_at_once(self):
        chance = random.Random(20261122)
        truth = 0
        for _ in range(4):
            waiting = [self.launch("wait", f"w{truth + i}") for i in range(6)]
            truth += len(waiting)
            uploads = [self.launch("upload") for _ in range(4)]
            chance.shuffle(waiting)
            for child in waiting:
                self.kill(child)
            for child in uploads:
                child.communicate(timeout=60)
        self.upload()
        self.assertEqual(self.collector.causes(), {"client_killed": truth})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
