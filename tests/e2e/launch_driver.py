"""Launches of tests/e2e/launch_child.c and the collector that they report to: what the tests of launches share."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest
import urllib.request

import programs

PATIENCE_S = 120  # for what never happens, not for a busy machine
CHILD = COLLECTOR = None  # set by the test's main program


class Collector:
    """A collector process on ports of its own; stops with SIGTERM."""

    def __init__(self, directory):
        self.process = programs.start(
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
        with urllib.request.urlopen(self.admin + path, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def causes(self):
        groups = self.get("/v1/attribution?group_by=cause&app_id=launches")["groups"]
        return {group["cause"]: group["connections"] for group in groups}

    def sessions(self):
        return self.get("/v1/sessions?limit=1000")["sessions"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=PATIENCE_S)
        self.drain.join()
        self.process.stdout.close()


class LaunchTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="whydrop-launches-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.collector = Collector(self.directory)
        self.addCleanup(self.collector.stop)
        self.state = os.path.join(self.directory, "state")

    def launch(self, ending, token="t", url=None):
        child = programs.start([CHILD, self.state, url or self.collector.url, token, ending],
                               stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, child)  # a failed test leaves none behind
        return child

    @staticmethod
    def end(child):
        if child.poll() is None:
            child.kill()
            child.wait(timeout=PATIENCE_S)
        child.stdout.close()

    def run_to_end(self, ending, token="t"):
        child = self.launch(ending, token)
        child.communicate(timeout=PATIENCE_S)
        return child.returncode

    def upload(self, url=None):
        out, _ = self.launch("upload", url=url).communicate(timeout=PATIENCE_S)
        return dict(pair.split("=") for pair in out.split())

    def kill(self, child):
        self.await_ready(child)
        child.kill()
        child.wait(timeout=PATIENCE_S)

    def await_ready(self, child):
        self.assertEqual(child.stdout.readline(), "ready\n")
