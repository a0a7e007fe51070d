#!/usr/bin/env python3
"""Makes certificates, serves two collectors by TLS on loopback and runs the test program against them.

Usage: tls_test.py [WRAPPER...] PROGRAM

The servers say what each of them was given: a client that refuses a certificate must not send a batch first.
"""
import gzip
import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates(at):
    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", f"{at}/{name}.key", "-out", f"{at}/{name}.pem")
    for name, host in (("right", "localhost"), ("wronghost", "other.example")):
        stem = f"{at}/{name}"
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{stem}.key",
                "-out", f"{stem}.csr")
        with open(f"{stem}.ext", "w", encoding="ascii") as extension:
            extension.write(f"subjectAltName=DNS:{host}\n")
        openssl("x509", "-req", "-days", "2", "-in", f"{stem}.csr", "-CA", f"{at}/ca.pem", "-CAkey", f"{at}/ca.key",
                "-CAcreateserial", "-extfile", f"{stem}.ext", "-out", f"{stem}.pem")
    shutil.copy(f"{at}/ca.pem", f"{at}/власть.pem")


def acknowledge(posted):
    """The Ack of a Batch: its first field echoed (the id), the hash, ACCEPTED."""
    body = gzip.decompress(posted)
    assert body[0] == 0x0A and body[1] < 0x80, "a batch starts with its id"
    batch_id = body[2:2 + body[1]]
    return (bytes([0x0A, len(batch_id)]) + batch_id + bytes([0x12, 32]) + hashlib.sha256(body).digest() +
            bytes([0x18, 1]))


class Collector:
    def __init__(self, at, name):
        self.given = 0
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                posted = self.rfile.read(int(self.headers["Content-Length"]))
                collector.given += 1
                answer = acknowledge(posted)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that refuses the certificate breaks the connection off

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{at}/{name}.pem", f"{at}/{name}.key")
        self.server = Server(("127.0.0.1", 0), Handler)
        # The handshake belongs to the thread of the connection: a client that hangs must not hold up the others.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self):
        return str(self.server.server_address[1])


def main():
    with tempfile.TemporaryDirectory() as at:
        make_certificates(at)
        right, wrong_host = Collector(at, "right"), Collector(at, "wronghost")
        environment = dict(os.environ, WHYDROP_CERTIFICATES=at, WHYDROP_RIGHT_PORT=right.port,
                           WHYDROP_WRONG_HOST_PORT=wrong_host.port)
        run = subprocess.run(sys.argv[1:], env=environment, timeout=240)
        print(f"given to the right host: {right.given}, to the wrong one: {wrong_host.given}")
        if right.given != 2 or wrong_host.given != 0:
            print("a batch went to a server whose certificate was refused, or did not go to the right one")
            return 1
        return run.returncode


sys.exit(main())
