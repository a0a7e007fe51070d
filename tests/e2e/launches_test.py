"""Launches of a game against a real collector: nothing is lost, nothing is counted twice.

usage: launches_test.py LAUNCH_CHILD COLLECTOR
"""

import http.server
import random
import signal
import sys
import threading
import unittest

import launch_driver

launch_driver.CHILD, launch_driver.COLLECTOR = sys.argv[1:3]


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


class Launches(launch_driver.LaunchTest):
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
        second.wait(timeout=launch_driver.PATIENCE_S)
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
                child.communicate(timeout=launch_driver.PATIENCE_S)
        self.upload()
        self.assertEqual(self.collector.causes(), {"client_killed": truth})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
