#!/usr/bin/env python3
"""What the runners of the ClickHouse tests start ends with them, however they end themselves."""
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
DEMO = os.path.join(HERE, "..", "..", "..", "demo")
END_S = 60
PARENT = """
import sys, time
sys.path.insert(0, sys.argv[1])
import engine
sleeper = engine.Process(["sleep", "1000"], sys.argv[2])
sleeper.start()
print(sleeper.pid, flush=True)
time.sleep(1000)
"""


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def running_with(text):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as command:
                if text.encode() in command.read() and is_running(pid):
                    found.append(int(pid))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


class Ends(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def await_end(self, is_there):
        deadline = time.monotonic() + END_S
        while is_there():
            self.assertLess(time.monotonic(), deadline, is_there())
            time.sleep(0.01)

    def start(self, *command):
        run = subprocess.Popen([sys.executable, "-B", *command], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "TMPDIR": self.directory})
        self.addCleanup(run.stdout.close)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        return run

    def test_an_engine_dies_with_a_runner_that_is_killed(self):
        run = self.start("-c", PARENT, DEMO, self.directory)
        pid = int(run.stdout.readline())
        # It is bound to the runner before it becomes the program.
        self.await_end(lambda: pid not in running_with("sleep\x001000") or pid in running_with("setpriv"))
        run.kill()
        self.await_end(lambda: is_running(pid))

    def test_a_runner_that_is_stopped_removes_what_it_made(self):
        run = self.start(os.path.join(HERE, "clickhouse_store_test.py"), "/bin/sh", "--", "-c", "echo $$; exec sleep 1000")
        program = int(run.stdout.readline())
        self.assertTrue(running_with(self.directory))
        run.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(END_S), 128 + signal.SIGTERM)
        self.await_end(lambda: running_with(self.directory))
        self.await_end(lambda: is_running(program))
        self.assertEqual(os.listdir(self.directory), [])


if __name__ == "__main__":
    unittest.main()
