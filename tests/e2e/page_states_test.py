"""The analyst's page where there is nothing, where something fails, and where somebody means harm."""
import os
import unittest
import urllib.error
import urllib.request

import collector_driver
import page_data
import page_driver
from collector_driver import batch, connection
from page_driver import READY, PageTest


class Empty(PageTest):
    brought_about = "log: Failed to load resource"

    def test_a_store_without_connections_says_so_and_what_to_expect(self):
        self.open()
        self.assertIn("No report has come yet. Give your game an upload_url", self.text("#headline"))
        self.await_text("#freshness", "No report has come yet")
        self.assertTrue(self.text("#coverage").startswith("0 dropped"))
        for section in ("trend", "causes", "errors", "versions", "findings", "ends", "crashes", "recent"):
            self.assertTrue(self.text("#" + section + " .message"), section)

    def test_while_an_answer_is_awaited_the_page_says_loading(self):
        self.browser.hold("*/v1/*")
        self.browser.open(self.origin + "/")
        self.browser.wait("document.querySelector('#causes[aria-busy=true]')")
        self.assertEqual(self.text("#coverage"), "Loading")
        self.assertIn("Loading", self.text("#causes"))
        self.browser.release()
        self.browser.wait(READY)

    def test_connections_that_an_answer_has_no_room_for_are_told(self):
        group = '"cause":"client_crash","side":"client_process","server_error":"none","outcome":"dropped","app_version":"1",' \
                '"day":"2026-01-01","connections":6,"share":0.6'
        self.browser.hold("*/v1/attribution*", fail_with=(200, '{"connections":10,"reported":10,"unjoined_server_records":0,'
                                                               '"pending":0,"left_out":4,"groups":[{%s}]}' % group))
        self.browser.open(self.origin + "/?since=any")
        self.browser.wait("document.querySelector('#causes tbody')")
        self.browser.release()
        self.assertTrue(self.text("#left-out").startswith("4 connections lie in groups too small to be listed"))
        self.open()
        self.assertFalse(self.run_js("document.getElementById('left-out').checkVisibility()"))

    def test_an_answer_that_is_an_error_is_shown_where_it_belongs_and_told_aloud(self):
        self.browser.hold("*/v1/attribution*", fail_with=(503, '{"error":"the store cannot be read"}'))
        self.browser.open(self.origin + "/")
        self.browser.wait("document.querySelector('#causes [role=alert]')")
        self.browser.release()
        self.assertIn("the store cannot be read", self.text("#causes"))
        self.assertEqual(self.text("#coverage"), "coverage unknown")
        self.await_text("#crashes", "No session crashed")
        self.await_problem()

    def test_answers_that_lag_and_a_store_that_takes_nothing_are_told(self):
        self.browser.hold("*/v1/freshness", fail_with=(200, '{"ready":false,"why_not":"the disk is full","complete_until_unix_s":'
                                                            '1700000000,"newest_report_unix_s":1700000000}'))
        self.browser.open(self.origin + "/")
        self.browser.wait("document.querySelector('#freshness.stale')")
        self.browser.release()
        self.assertIn("complete until 14 Nov 2023, 22:13 UTC", self.text("#freshness"))
        self.assertIn("nothing new is taken: the disk is full", self.text("#freshness"))

    def test_an_address_with_a_wrong_value_shows_what_is_wrong(self):
        self.open("?app_id=NOT%20AN%20APP")
        self.assertIn("app_id: must be 1-64", self.text("#causes"))
        self.await_problem()


class Hostile(PageTest):
    VERSION = "=1<img src=x onerror=alert(1)>"

    @staticmethod
    def data(collector):
        collector.post(batch("h", [connection(1, page_data.CLIENT_RESET)], version=Hostile.VERSION))
        for data in page_data.only_server_batches(["s"]):
            collector.post(data)

    def test_what_a_sender_names_is_text_and_no_formula(self):
        self.open()
        self.assertIn(self.VERSION, self.text("#versions"))
        self.assertEqual(self.run_js("document.images.length"), 0)
        self.run_js("document.querySelector('#versions .csv').click()")
        saved = self.downloaded("whydrop-versions.csv")
        self.assertIn("'" + self.VERSION, saved)
        self.assertIn("1 server records without a token are not counted", self.text("#apart"))


class Gone(PageTest):
    brought_about = "log: Failed to load resource: net::ERR_"

    def test_a_collector_that_is_gone_is_named(self):
        self.open()
        self.collector.stop()
        self.choose("platform", "linux")
        self.browser.wait("document.querySelector('#causes [role=alert]')")
        self.assertIn("the collector does not answer", self.text("#causes"))
        self.await_problem()


class Guarded(collector_driver.CollectorTest):
    def ask(self, collector, path, host):
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (collector.admin_port, path), headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers)

    def test_a_name_that_was_made_to_point_here_reads_nothing(self):
        collector = self.start("--admin-host", "drops.example")
        for path in ("/", "/v1/attribution", "/metrics"):
            self.assertEqual(self.ask(collector, path, "rebound.example:8788")[0], 421)
            for host in ("127.0.0.1", "localhost:1", "[::1]:8788", "Drops.Example"):
                self.assertEqual(self.ask(collector, path, host)[0], 200)

    def test_every_answer_of_the_admin_address_carries_its_headers(self):
        collector = self.start()
        for path in ("/", "/js/main.js", "/v1/attribution", "/nothing"):
            headers = self.ask(collector, path, "localhost")[1]
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(headers["Referrer-Policy"], "no-referrer")
            self.assertEqual(headers["X-Frame-Options"], "DENY")
            self.assertEqual(headers["Cross-Origin-Resource-Policy"], "same-origin")
        policy = self.ask(collector, "/", "localhost")[1]["Content-Security-Policy"]
        for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"):
            self.assertIn(rule, policy)
        self.assertNotIn("unsafe", policy)

    def test_a_wrong_filter_is_named(self):
        collector = self.start()
        for query, named in [("platform=amiga", b"amiga"), ("endpoint=A%20B", b"endpoint"), ("tag:GPU=x", b"tag:GPU"),
                             ("tag:gpu=%3Cx%3E", b"tag:gpu"), ("app_version=%00", b"app_version")]:
            answer, text = collector.get("/v1/attribution?" + query)
            self.assertEqual((answer.status, named in text), (400, True), text)
        for path in ("/v1/sessions?platform=linux", "/v1/session_ends?endpoint=gate-1", "/v1/crashes?limit=0",
                     "/v1/connections?app_id=game&token_hash=12", "/v1/connections?app_id=game&session_id=12",
                     "/v1/connections?app_id=game&token=t&session_id=" + "0" * 32, "/v1/recent_connections?cause=nothing"):
            self.assertEqual(collector.get(path)[0].status, 400, path)


class Vendored(unittest.TestCase):
    def test_the_vendored_files_are_those_of_the_locked_packages(self):
        uplot = os.path.join(page_driver.TOOLS, "node_modules", "uplot")
        for theirs, ours in [("dist/uPlot.iife.min.js", "uPlot.iife.min.js"), ("dist/uPlot.min.css", "uPlot.min.css"),
                             ("LICENSE", "uPlot.LICENSE")]:
            with open(os.path.join(uplot, theirs), "rb") as a, open(os.path.join(page_driver.SOURCES, "web", "vendor", ours), "rb") as b:
                self.assertEqual(a.read(), b.read(), ours + ": run samples/collector/page/vendor.sh")


if __name__ == "__main__":
    page_driver.main()
