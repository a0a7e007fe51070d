"""What a test starts ends with it, also when the test is killed."""
import os
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE_S = 120
TEST = """
import sys, time
sys.path.insert(0, sys.argv[1])
import programs
program = programs.start(["sh", "-c", "echo runs; exec sleep 1000"], stdout=-1, text=True)
program.stdout.readline()
print(program.pid, flush=True)
time.sleep(1000)
"""


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Ends(unittest.TestCase):
    def test_a_program_ends_with_the_test_that_is_killed(self):
        with subprocess.Popen([sys.executable, "-B", "-c", TEST, HERE], stdout=subprocess.PIPE, text=True) as test:
            pid = int(test.stdout.readline())
            self.assertTrue(is_running(pid))
            test.kill()
            deadline = time.monotonic() + PATIENCE_S
            while is_running(pid) and time.monotonic() < deadline:
                time.sleep(0.01)
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)
            self.fail("it runs on")


if __name__ == "__main__":
    unittest.main()
