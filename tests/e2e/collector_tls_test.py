"""TLS at the collector's own address: whole uploads, peers that cut their bytes into the smallest pieces, that do not
read, and that say nothing."""
import http.client
import select
import socket
import ssl
import subprocess
import time
import unittest

import collector_driver as base
from collector_driver import ACCEPTED, CLOSED, DUPLICATE, batch, connection, until

REQUEST = b"GET /nope HTTP/1.1\r\nHost: x\r\n\r\n"


class TlsPeer:
    """One end of TLS whose bytes on the wire are in the test's hands."""

    def __init__(self, port, context, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(60)
        self.socket.connect(("127.0.0.1", port))
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")

    def shake_hands(self):
        self.until_done(self.tls.do_handshake)
        self.socket.sendall(self.outgoing.read())

    def until_done(self, call):
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self.socket.sendall(self.outgoing.read())
                data = self.socket.recv(65536)
                if not data:
                    return b""
                self.incoming.write(data)

    def sealed(self, *pieces):
        """The bytes on the wire of these pieces, each in a record of its own."""
        for piece in pieces:
            self.tls.write(piece)
        return self.outgoing.read()

    def read(self, size=65536):
        return self.until_done(lambda: self.tls.read(size))


class Tls(base.CollectorTest):
    def setUp(self):
        super().setUp()
        self.cert, self.key = self.path("cert.pem"), self.path("key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                        "-keyout", self.key, "-out", self.cert], check=True, capture_output=True)
        self.collector = self.start("--tls-cert", self.cert, "--tls-key", self.key)
        self.context = ssl.create_default_context(cafile=self.cert)

    def peer(self, **more):
        peer = TlsPeer(self.collector.ingest_port, self.context, **more)
        self.addCleanup(peer.socket.close)
        return peer

    def test_the_begin_of_a_huge_hello_is_refused_at_once(self):
        # The header of a record of nine bytes, and in it that of a ClientHello of 128 KiB.
        begin = b"\x16\x03\x01\x00\x09" + b"\x01" + (131000).to_bytes(3, "big") + b"\x03\x03rrr"
        for count in range(1, 21):
            with socket.create_connection(("127.0.0.1", self.collector.ingest_port), timeout=base.PATIENCE_S) as peer:
                peer.sendall(begin)
                self.assertEqual(peer.recv(4096)[:1], b"\x15")  # an alert; one who is waited for in vain gets none
            until(lambda: self.collector.metrics()["tls_handshakes_failed_total"] == count, "the count of it")
        self.check_it_serves()

    def test_batches_are_taken_by_both_versions_of_tls(self):
        for version, name in ((ssl.TLSVersion.TLSv1_2, "a"), (ssl.TLSVersion.TLSv1_3, "b")):
            context = ssl.create_default_context(cafile=self.cert)
            context.minimum_version = context.maximum_version = version
            client = http.client.HTTPSConnection("127.0.0.1", self.collector.ingest_port, timeout=30, context=context)
            self.assertEqual(self.collector.post(batch(name), client), ACCEPTED)
            self.assertEqual(self.collector.post(batch(name), client), DUPLICATE)
            large = batch(name + "-large", [connection(number, CLOSED) for number in range(1, 4000)])
            self.assertEqual(self.collector.post(large, client), ACCEPTED)
            client.close()
        self.assertEqual(self.collector.stop(), 0)

    def test_records_of_one_byte_that_come_at_once_are_one_request(self):
        peer = self.peer()
        peer.shake_hands()
        body = b"\xff" * 50000
        head = b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 50000\r\n\r\n"
        peer.socket.sendall(peer.sealed(*[bytes([byte]) for byte in head + body]))
        self.assertIn(b"HTTP/1.1 400", peer.read())
        self.check_it_serves()

    def test_who_does_not_read_its_answers_gets_all_of_them_later(self):
        peer = self.peer(receive_buffer=4096)
        peer.shake_hands()
        sent, left = 0, b""
        # Until nothing more goes out: the collector waits for its own answers to be read, and takes no more requests.
        while select.select([], [peer.socket], [], 1)[1]:
            if not left:
                left = peer.sealed(REQUEST * 200)
                sent += 200
            left = left[peer.socket.send(left):]
        self.assertGreater(sent, 1000)
        peer.socket.setblocking(False)
        head, answered, tail = b"HTTP/1.1 404", 0, b""
        while answered < sent:
            readable, writable, _ = select.select([peer.socket], [peer.socket] if left else [], [], 60)
            self.assertTrue(readable or writable, "%d of %d" % (answered, sent))
            if writable:
                left = left[peer.socket.send(left):]
            if readable:
                data = peer.socket.recv(1 << 20)
                self.assertTrue(data)
                peer.incoming.write(data)
                try:
                    while True:
                        text = tail + peer.tls.read(1 << 20)
                        answered += text.count(head)
                        tail = text[-len(head) + 1:]
                except ssl.SSLWantReadError:
                    pass

    def test_a_silent_peer_is_sent_away_and_a_talking_one_is_not(self):
        talking, silent = self.peer(), self.peer()
        talking.shake_hands()
        begun = time.monotonic()
        self.assertEqual(silent.socket.recv(4096), b"")
        self.assertGreater(time.monotonic() - begun, 5)
        # The end is sent a moment before it is counted.
        until(lambda: self.collector.metrics()["tls_handshakes_failed_total"] == 1, "the count of the handshake")
        talking.socket.sendall(talking.sealed(REQUEST))
        self.assertIn(b"HTTP/1.1 404", talking.read())

    def test_what_is_no_tls_is_no_harm(self):
        for garbage in (REQUEST, b"\x16\x03\x01\xff\xff" + b"\x00" * 70000, b"\x16"):
            with socket.create_connection(("127.0.0.1", self.collector.ingest_port), timeout=60) as peer:
                try:
                    peer.sendall(garbage)
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(4096):
                        pass
                except OSError:  # it was sent away already
                    pass
        self.check_it_serves()
        self.assertEqual(self.collector.metrics()["tls_handshakes_failed_total"], 3)

    def check_it_serves(self):
        client = http.client.HTTPSConnection("127.0.0.1", self.collector.ingest_port, timeout=30, context=self.context)
        self.assertEqual(self.collector.post(batch("after"), client), ACCEPTED)
        client.close()


if __name__ == "__main__":
    base.main()
