"""What must not leave the player's machine: a crashing game's surroundings are full of marks, and none of them is found
in the ring, in a batch file, or in the body that was really posted.

usage: privacy_test.py LAUNCH_CHILD
"""

import gzip
import http.server
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

CHILD = sys.argv[1]
MARK = "canary"


class Listener(http.server.BaseHTTPRequestHandler):
    """Keeps every request whole and answers that it has no time."""

    def do_POST(self):
        self.server.requests.append((self.path, str(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Privacy(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="whydrop-privacy-")
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        # The mark stands in the name of the home and the working directory, so in that of the state directory too.
        self.home = os.path.join(self.root, "home-canary")
        self.cwd = os.path.join(self.root, "cwd-canary")
        self.state = os.path.join(self.home, "state")
        for path in (self.home, self.cwd):
            os.mkdir(path)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
        self.server.requests = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1/batches"

    def launch(self, ending):
        """One launch with marks all around it; only root may give it a marked host name too."""
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, "USER": "user-canary", "LOGNAME": "user-canary",
                       "HOSTNAME": "host-canary", "SECRET": "env-canary", "LANG": "C"}
        script = 'hostname host-canary && exec "$@"' if self.may_unshare() else 'exec "$@"'
        command = ["sh", "-c", script, "sh", CHILD, self.state, self.url, "token-canary", ending]
        if self.may_unshare():
            command = ["unshare", "-u", *command]
        return subprocess.run(command, env=environment, cwd=self.cwd, stdout=subprocess.PIPE, timeout=60)

    @staticmethod
    def may_unshare():
        return subprocess.run(["unshare", "-u", "true"], stderr=subprocess.DEVNULL).returncode == 0

    def files(self, suffix):
        directory = os.path.join(self.state, "launches")
        found = {}
        for name in os.listdir(directory):
            if name.endswith(suffix):
                with open(os.path.join(directory, name), "rb") as file:
                    found[name] = file.read()
        return found

    def assert_clean(self, data, where):
        # In the forms in which a text may lie in memory: bytes, and the two 16-bit ones.
        for encoding in ("ascii", "utf-16-le", "utf-16-be"):
            at = data.lower().find(MARK.encode(encoding))
            self.assertEqual(at, -1, f"{where}: {data[max(at - 32, 0):at + 32]}")

    def test_no_mark_is_in_ring_batch_or_body(self):
        if not self.may_unshare():
            print("the host name is not marked: that needs root")
        self.assertEqual(self.launch("crash").returncode, -signal.SIGSEGV)
        rings = self.files(".ring")
        self.assertEqual(len(rings), 1)
        for name, data in rings.items():
            self.assertIn(b"launches", data)  # the application's own name is there: the right bytes are looked at
            self.assert_clean(data, name)
        self.assertEqual(self.launch("upload").returncode, 0)
        batches = self.files(".batch")
        self.assertEqual(len(batches), 1)
        for name, data in batches.items():
            self.assert_clean(data, name)
            self.assert_clean(gzip.decompress(data[data.index(b"\x1f\x8b\x08"):]), name)
        self.assertGreaterEqual(len(self.server.requests), 1)
        for path, headers, body in self.server.requests:
            self.assert_clean(path.encode() + headers.encode(), "head")
            self.assert_clean(body, "body")
            plain = gzip.decompress(body)
            self.assertIn(b"launches", plain)
            self.assert_clean(plain, "inflated body")
        for data in self.files(".ring").values():
            self.assert_clean(data, "ring of the second launch")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
