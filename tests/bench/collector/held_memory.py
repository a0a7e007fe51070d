"""Measures what peers can make the collector hold: by connection, each doing its worst, and by batch that is decoded.

held_memory.py --collector PROGRAM [--connections N]

OPERATIONS.md states the figures. They are no test: tests/e2e/collector_memory_test.py holds the bounds.
"""
import argparse
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../e2e"))
import collector_driver as base
from collector_driver import CLOSED, batch, connection, evidence, field, message

POST = b"POST /v1/batches HTTP/1.1\r\nHost: x\r\n"
SMALL_BODY = b"Content-Length: 4096\r\n\r\n" + b"x" * 4095
RECORD = b"\x16\x03\x01\x40\x00"
# The largest ClientHello that the collector takes, almost (http_stream.cc), and the first record of it.
HELLO = RECORD + b"\x01" + (36000).to_bytes(3, "big") + b"\x03\x03" + b"r" * (16384 - 6)

# What a connection sends before it stalls.
PLAIN = {"nothing": b"",
         "a header that does not end": POST + b"a: " + b"b" * 16000,
         "a header of short lines, a small body": POST + b"a:\r\n" * 4000 + SMALL_BODY,
         "a header of one line, a small body": POST + b"X-Whydrop-Key: " + b"b" * 16000 + b"\r\n" + SMALL_BODY}
BATCHES = {"strings of unknown fields": batch("a", [connection(1, CLOSED) + b"\x7a\x00" * 520000]),
               "groups of unknown fields": batch("b", [connection(1, CLOSED) + b"\x7b\x7b\x7c\x7c" * 260000]),
               "strings of unknown evidence": batch("c", [message([(1, 1)]) + field(9, evidence(**CLOSED) +
                                                                                    b"\xfa\x07\x00" * 340000)]),
               "4,000 connections": batch("d", [connection(n, CLOSED, "t%d" % n, endpoint="e" * 32, network="n" * 32)
                                                for n in range(1, 4001)])}


def settled(collector):
    """Resident bytes once they no longer change."""
    last = -1
    while abs((now := collector.metrics()["resident_memory_bytes"]) - last) > 100000:
        last = now
        time.sleep(0.5)
    return now


def peak_kib(collector):
    with open("/proc/%d/status" % collector.process.pid) as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1])


def by_connection(directory, kind, flags, count, sends, wrap):
    for name, data in sends.items():
        collector = base.Collector(directory, "--max-connections-per-address", "0", *flags, store=os.urandom(4).hex())
        before = settled(collector)
        peers = [wrap(socket.create_connection(("127.0.0.1", collector.ingest_port), 60)) for _ in range(count)]
        for peer in peers:
            peer.sendall(data)
        print("%-6s %-40s %6.1f KiB a connection" % (kind, name, (settled(collector) - before) / 1024 / count), flush=True)
        for peer in peers:
            peer.close()
        collector.stop()


def by_batch(directory):
    for name, data in BATCHES.items():
        collector = base.Collector(directory, store=os.urandom(4).hex())
        collector.post(batch("first"))
        before = peak_kib(collector)
        collector.post(data)
        print("%-6s %-40s %6.1f MiB while it is decoded" % ("batch", name, (peak_kib(collector) - before) / 1024), flush=True)
        collector.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collector", required=True)
    parser.add_argument("--connections", type=int, default=1500)
    options = parser.parse_args()
    base.COLLECTOR = options.collector
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with tempfile.TemporaryDirectory() as directory:
        certificate, key = (os.path.join(directory, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        "/CN=localhost", "-days", "2", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        tls = ("--tls-cert", certificate, "--tls-key", key)
        by_connection(directory, "plain", (), options.connections, PLAIN, lambda peer: peer)
        by_connection(directory, "TLS", tls, options.connections, PLAIN, context.wrap_socket)
        by_connection(directory, "TLS", tls, options.connections, {"a begun ClientHello": HELLO}, lambda peer: peer)
        by_batch(directory)


if __name__ == "__main__":
    main()
