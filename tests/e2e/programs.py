"""Programs that a test starts."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "demo"))
from engine import BOUND  # noqa: E402


def start(command, **how):
    """It ends with the thread that starts it, also when the test is killed."""
    return subprocess.Popen([*BOUND, *command], **how)
