"""The collectors behind a real nginx, by the example of deploy/nginx.conf: TLS there, the sender's address, a password
before the page, and a collector that dies."""
import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import unittest

import collector_driver as base
import programs
from collector_driver import ACCEPTED, CLOSED, DUPLICATE, batch, connection

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "demo"))
from engine import free_ports  # noqa: E402

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../samples/collector/deploy/nginx.conf")
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")

MAIN = """
daemon off;
master_process off;
pid %(dir)s/nginx.pid;
error_log %(dir)s/error.log;
events { }
http {
    client_body_temp_path %(dir)s/body;
    proxy_temp_path %(dir)s/proxy;
    fastcgi_temp_path %(dir)s/fastcgi;
    uwsgi_temp_path %(dir)s/uwsgi;
    scgi_temp_path %(dir)s/scgi;
    access_log off;
    include %(dir)s/site.conf;
}
"""


class ProxyTest(base.CollectorTest):
    flags = ()

    def setUp(self):
        super().setUp()
        flags = ("--trusted-proxy", "127.0.0.1/32", "--admin-host", "drops.example.com", *self.flags)
        self.collectors = [self.start(*flags), self.start(*flags)]
        self.certificate = self.path("cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                        "-keyout", self.path("key.pem"), "-out", self.certificate], check=True, capture_output=True)
        self.context = ssl.create_default_context(cafile=self.certificate)
        self.run_nginx()

    def run_nginx(self):
        """nginx takes no port 0, so it gets ports that were free a moment ago, and others if somebody chose the same."""
        self.path("analysts", "anna:{PLAIN}pass\n")
        self.path("nginx.conf", MAIN % {"dir": self.directory.name})
        for _ in range(10):
            self.port, self.page_port = free_ports(2)
            self.path("site.conf", self.site())
            self.nginx = programs.start([NGINX, "-p", self.directory.name, "-c", self.path("nginx.conf")],
                                        stderr=subprocess.DEVNULL)
            self.addCleanup(self.stop_nginx, self.nginx)
            while self.nginx.poll() is None:
                try:
                    self.ask(self.port, "/")
                    return
                except OSError:
                    time.sleep(0.02)
        with open(self.path("error.log")) as log:
            self.fail("nginx does not start: " + log.read())

    def site(self):
        """The example with the ports and files of this test."""
        with open(EXAMPLE) as file:
            text = file.read()
        first, second = self.collectors
        for old, new in [("server 127.0.0.1:8787;", "server 127.0.0.1:%d;" % first.ingest_port),
                         ("# server 127.0.0.1:8789;", "server 127.0.0.1:%d;" % second.ingest_port),
                         ("http://127.0.0.1:8788", "http://127.0.0.1:%d" % first.admin_port),
                         ("listen 443 ssl", "listen 127.0.0.1:%d ssl" % self.port),
                         ("listen 8443 ssl", "listen 127.0.0.1:%d ssl" % self.page_port),
                         ("/etc/whydrop/tls-cert.pem", self.certificate), ("/etc/whydrop/tls-key.pem", self.path("key.pem")),
                         ("/etc/whydrop/analysts", self.path("analysts")),
                         ("/var/log/nginx/whydrop-page.log", self.path("page.log"))]:
            self.assertIn(old, text)
            text = text.replace(old, new)
        return text

    @staticmethod
    def stop_nginx(process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)

    def ask(self, port, path, **headers):
        client = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=self.context)
        try:
            client.request("GET", path, headers=headers)
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def client(self):
        """From an address that is not the trusted proxy's own."""
        return contextlib.closing(http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.context,
                                                              source_address=("127.0.0.2", 0)))

    def post(self, name, role=0):
        with self.client() as client:
            return self.collectors[0].post(batch(name, [connection(1, CLOSED)], role=role), client)

    def connections(self):
        return self.collectors[0].json("/v1/attribution")["connections"]


class BehindNginx(ProxyTest):
    def test_behind_the_proxy_nobody_is_a_server_without_its_key(self):
        self.assertEqual(self.post("s", role=1), 403)

    def test_a_collector_that_dies_is_passed_by(self):
        self.assertEqual(self.post("a"), ACCEPTED)
        self.collectors[1].stop(signal.SIGKILL)
        for name in ("b", "c"):
            self.assertEqual(self.post(name), ACCEPTED)
        self.assertEqual(self.connections(), 3)
        self.assertEqual(self.post("a"), DUPLICATE)

    def test_what_is_too_large_or_elsewhere_does_not_reach_the_collector(self):
        client = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.context)
        self.assertEqual(self.collectors[0].post_raw(b"x" * 300000, client)[0], 413)
        client.close()
        with self.client() as client:  # a large one that is none too large
            large = batch("large", [connection(n, CLOSED) for n in range(1, 2001)])
            self.assertGreater(len(large), 32 * 1024)
            self.assertEqual(self.collectors[0].post_raw(large, client)[0], 200)
        for path in ("/", "/v1/attribution", "/metrics"):
            self.assertEqual(self.ask(self.port, path)[0], 404)

    def test_the_page_asks_for_a_password(self):
        self.assertEqual(self.ask(self.page_port, "/")[0], 401)
        word = base64.b64encode(b"anna:pass").decode()
        for host in ("127.0.0.1", "drops.example.com"):
            status, body = self.ask(self.page_port, "/v1/attribution", Authorization="Basic " + word, Host=host)
            self.assertEqual((status, json.loads(body)["connections"]), (200, 0))
        self.assertEqual(self.ask(self.page_port, "/", Authorization="Basic " + word, Host="evil.example")[0], 421)

    def test_the_log_of_the_page_says_who_asked_and_keeps_no_token(self):
        word = base64.b64encode(b"anna:pass").decode()
        path = "/v1/connections?app_id=game&token=the-login-secret"
        self.assertEqual(self.ask(self.page_port, path, Authorization="Basic " + word)[0], 200)
        self.stop_nginx(self.nginx)
        with open(self.path("page.log")) as log:
            text = log.read()
        self.assertIn('"GET /v1/connections" 200', text)
        self.assertIn("anna", text)
        self.assertNotIn("the-login-secret", text)


class Senders(ProxyTest):
    flags = ("--rate-limit", "1")

    def test_the_limit_is_the_real_senders_however_it_lies_about_itself(self):
        self.assertEqual(self.post("a"), ACCEPTED)
        statuses = []
        while 429 not in statuses and len(statuses) < 1000:
            # Refused without a look at the disk: a slow one would make pauses that the limit allows.
            with self.client() as client:
                sender = "198.51.100.%d" % (len(statuses) % 250)
                statuses.append(self.collectors[0].post_raw(b"\xff", client, X_Forwarded_For=sender)[0])
        self.assertEqual(statuses, [400] * (len(statuses) - 1) + [429])


if __name__ == "__main__":
    base.main()
