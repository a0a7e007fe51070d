"""Sends hostile requests to both addresses of a running collector, best one built with sanitizers.

http_fuzz.py --collector PROGRAM [--requests N] [--full N] [--seed S]

Passes if the collector lives, every refusal has a status of its own and a message, memory stays bounded, peers that drip
bytes are closed in time, a good batch is taken afterwards and the process ends with 0: a sanitizer's finding or a leak would
end it otherwise. Equal seeds send equal requests. With WHYDROP_TEST_FULL=1 it
sends as many requests as --full says.
"""
import argparse
import collections
import gzip
import json
import os
import random
import re
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import collector_driver as base
from collector_driver import ACCEPTED, CLOSED, RESET, batch, connection, field, message, varint

WORKERS = 4
STATUSES = {200, 400, 401, 403, 404, 405, 411, 413, 415, 421, 429, 431, 503}
HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
SLOW_PEERS, SLOW_LIMIT_S = 20, 90
# Of the process with its sanitizers; the collector itself needs a tenth of it.
MEMORY_LIMIT_MIB, GROWTH_LIMIT_MIB = 900, 96

NAMES = ["app_id", "app_version", "endpoint", "platform", "group_by", "outcome", "from", "to", "token", "token_hash",
         "limit", "end", "tag:gpu", "tag:", "cause", "session_id", "nope"]
VALUES = ["", "game", "cause", "cause,side", "day,hour,endpoint", "-1", "0", "1", "99999999999999999999", "1e9", "%00",
          "9223372036854775807", "-9223372036854775808", "-9223372036854775807", "4999999999", "1795872341",
          "%", "%zz", "%f0%9f%92%a9", "'; DROP TABLE records; --", "../../etc/passwd", "<script>", "dropped", "linux",
          "a" * 300, "%c0%af", "client_crash", "0" * 32, ",", ",,,,", "tag:gpu", "*", "\x7f", "+"]
PATHS = ["/v1/attribution", "/v1/connections", "/v1/sessions", "/v1/session_ends", "/v1/crashes", "/v1/findings",
         "/v1/labels", "/v1/recent_connections", "/v1/freshness", "/CAUSES.md", "/metrics", "/healthz", "/readyz", "/", "/js/main.js", "/../page.css", "//", "/v1/batches", "*",
         "http://x/v1/labels", "/%2e%2e/", "/" + "a" * 5000]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PRI", "get", "G E T", ""]
FRAMING = [b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding : chunked\r\n",
           b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 18446744073709551616\r\n",
           b"Content-Length: 5, 5\r\n", b"Content-Length: +5\r\n", b"Content-Length: 0x5\r\n", b"Content-Length:\r\n",
           b"Content-Length: 262145\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\n",
           b"Upgrade: h2c\r\n", b" folded: yes\r\n", b"\tfolded\r\n", b"X: \x00\r\n", b"X\r\n", b": empty\r\n", b"X: a\nY: b\r\n",
           b"Host: other\r\n", b"X-Forwarded-For: 1.2.3.4, ::1, junk\r\n", b"X-Whydrop-Age: -9e99\r\n",
           b"X-Whydrop-Key: " + b"k" * 500 + b"\r\n", b"X: " + b"y" * 17000 + b"\r\n", b"A: b\r\n" * 500]
TAILS = [b"", b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffff\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
         b"POST /v1/batches HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"\r\n\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
         b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not data:
            break
        at = rng.randrange(len(data))
        kind = rng.randrange(5)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at:at + rng.randrange(1, 17)]
        elif kind == 2:
            data[at:at] = data[rng.randrange(len(data)):][:rng.randrange(1, 33)]
        elif kind == 3:
            data[at:at] = rng.choice((b"\0", b"\xff" * 9, b"\r\n", b"\x80" * 10, b"{", b"\x7f\xff\xff\xff"))
        else:
            del data[at:]
    return bytes(data)


def random_message(rng, depth=0):
    """Fields with numbers that exist or almost do, with values at the edges of their types."""
    out = b""
    for _ in range(rng.randrange(1, 8)):
        number = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 57, 63, 2 ** 29 - 1))
        kind = rng.randrange(5)
        if kind == 0:
            out += field(number, rng.choice((0, 1, 255, 2 ** 31, 2 ** 32 - 1, 2 ** 63, 2 ** 64 - 1)))
        elif kind == 1:
            out += field(number, rng.choice((b"", b"game", b"\xff\xfe", b"x" * 16, b"y" * 300)))
        elif kind == 2 and depth < 6:
            out += field(number, random_message(rng, depth + 1))
        elif kind == 3:
            out += varint(number << 3 | rng.randrange(8)) + rng.randbytes(rng.randrange(9))
        else:
            out += varint(number << 3 | 2) + varint(rng.choice((1, 2 ** 20, 2 ** 32 - 1)))
    return out


def some_batch(rng):
    name = "fuzz%d" % rng.randrange(2000)
    ends = [connection(rng.randrange(1, 9), rng.choice((CLOSED, RESET, dict(session_end=200, ended_ms=2 ** 63))),
                       rng.choice((None, "t%d" % rng.randrange(500))), is_open=rng.randrange(2)) for _ in range(rng.randrange(4))]
    return batch(name, ends, role=rng.randrange(2), rotation=rng.randrange(3), end=rng.choice((0, 101, 200)),
                 extra=rng.choice((b"", b"", random_message(rng))))


def body(rng):
    """A batch whose bytes are wrong somewhere between the protobuf and the gzip, and its encoding."""
    kind = rng.randrange(9)
    data = some_batch(rng)
    if kind <= 2:
        return gzip.compress(mutate(rng, data), 1), b"gzip"
    if kind == 3:
        return mutate(rng, gzip.compress(data, 1)), b"gzip"
    if kind == 4:
        return data, rng.choice((b"gzip", b"identity", b"br", b"gzip, gzip", b"deflate", b""))
    if kind == 5:
        return gzip.compress(random_message(rng), 1), b"gzip"
    if kind == 6:
        return gzip.compress(data + random_message(rng), 1) * rng.choice((1, 2)), b"gzip"
    if kind == 7:
        return gzip.compress(bytes([rng.randrange(256)]) * rng.choice((10 ** 5, 3 * 10 ** 6)), 1), b"gzip"
    return rng.randbytes(rng.randrange(3000)), rng.choice((b"gzip", b"identity"))


def upload(rng, extra=b""):
    data, encoding = body(rng)
    return (b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: " + encoding +
            b"\r\n" + extra + b"Content-Length: %d\r\n\r\n" % len(data) + data)


def question(rng):
    query = "&".join(rng.choice(NAMES) + rng.choice(("=", "", "==")) + rng.choice(VALUES).replace(" ", "+")
                     for _ in range(rng.randrange(5)))
    target = rng.choice(PATHS) + (rng.choice(("?", "?&", "??")) + query if query else "")
    host = rng.choice(("127.0.0.1", "localhost", "localhost.", "[::1]:80", "", "127.0.0.1:1", "evil.example", "a" * 300))
    return ("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (rng.choice(METHODS[:2] * 6 + METHODS), target, host)).encode("latin-1")


def cases(rng):
    """(bytes, number of requests in them, whether they are for the admin address) to send on one connection."""
    kind = rng.randrange(4)
    make = rng.choice((upload, question))
    if kind <= 1:
        make = (upload, question)[kind]
        requests = [make(rng) for _ in range(8)]
    elif kind == 2:
        make = upload
        extra = b"".join(rng.sample(FRAMING, rng.randrange(1, 4)))
        requests = [upload(rng, extra), rng.choice(TAILS)]
    else:
        requests = [mutate(rng, make(rng)), rng.choice(TAILS)]
    # Now and then what is meant for the other address.
    admin = (make is question) != (rng.randrange(8) == 0)
    return b"".join(requests), sum(1 for request in requests if request), admin


class Finding(Exception):
    pass


class Fuzz:
    def __init__(self, collector, seed):
        self.collector, self.seed = collector, seed
        self.lock, self.seen, self.sent, self.findings = threading.Lock(), collections.Counter(), 0, []

    def exchange(self, port, data):
        """Everything that comes back, until the collector closes."""
        with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
            try:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has refused and closed before the end
            out = b""
            try:
                while piece := peer.recv(65536):
                    out += piece
            except ConnectionResetError:
                pass
            return out

    def judge(self, data, sent):
        """The statuses of the answers."""
        statuses, at = [], 0
        while at < len(data):
            head = HEAD.match(data, at)
            if not head:
                raise Finding("no HTTP in the answer: %r" % data[at:at + 200])
            status, at = int(head[1]), head.end()
            if status == 100:
                continue
            if status not in STATUSES:
                raise Finding("status %d" % status)
            length = int(re.search(rb"Content-Length: (\d+)", head[2])[1])
            content = data[at:at + length]
            # A HEAD's answer has the head alone; what follows then is the next answer, or nothing.
            if b"HEAD" in sent and (not content or content.startswith(b"HTTP/1.1 ")):
                content = None
            else:
                at += length
            if status != 200 and content is not None:
                if b'"error":' not in content or not json.loads(content)["error"]:
                    raise Finding("a %d without a message: %r" % (status, content))
            statuses.append(status)
        return statuses

    def work(self, worker, share):
        rng = random.Random("%s/%d" % (self.seed, worker))
        done = 0
        while done < share and not self.findings:
            data, count, admin = cases(rng)
            port = self.collector.admin_port if admin else self.collector.ingest_port
            try:
                statuses = self.judge(self.exchange(port, data), data)
            except Exception as failure:  # whatever it is, it is to be told with what was sent
                with self.lock:
                    self.findings.append("%s: %s\nsent to %s: %r" % (type(failure).__name__, failure, port, data[:2000]))
                return
            done += count
            with self.lock:
                self.sent += count
                self.seen.update(statuses or ["none"])


def drip(port):
    """A peer that sends a byte now and then; returns how long it was borne."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=SLOW_LIMIT_S) as peer:
        peer.settimeout(1)
        head = iter(b"POST /v1/batches HTTP/1.1\r\nX: " + b"y" * 100000)
        while time.monotonic() - begun < SLOW_LIMIT_S:
            try:
                peer.send(bytes([next(head)]))
                if peer.recv(1) == b"":
                    break
            except socket.timeout:
                continue
            except OSError:
                break
    return time.monotonic() - begun


def start(program, directory):
    log = os.path.join(directory, "log")
    environment = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16:malloc_context_size=8"}
    base.COLLECTOR = program
    return base.Collector(directory, "--rate-limit", "0", "--max-connections-per-address", "0", "--server-key", "locked=k",
                          log=log, environment=environment), log


def run(options, directory):
    collector, log = start(options.collector, directory)
    fuzz = Fuzz(collector, options.seed)
    borne = []
    slow = [threading.Thread(target=lambda port=port: borne.append(drip(port)))
            for port in [collector.ingest_port, collector.admin_port] * (SLOW_PEERS // 2)]
    threads = [threading.Thread(target=fuzz.work, args=(worker, options.requests // WORKERS)) for worker in range(WORKERS)]
    for thread in slow + threads:
        thread.start()
    memory = []
    while any(thread.is_alive() for thread in threads):
        threads[0].join(1)
        try:
            memory.append((fuzz.sent, collector.metrics()["resident_memory_bytes"] / 2 ** 20))
        except (OSError, KeyError, ValueError):
            break  # it is dead; told below
    for thread in threads + slow:
        thread.join()
    settled = [mib for sent, mib in memory if sent > options.requests / 2] or [0]
    print("seed %s, %d requests, answers %s" % (options.seed, fuzz.sent, dict(sorted(fuzz.seen.items(), key=str))))
    print("memory at most %.0f MiB, in the second half %.0f to %.0f MiB; slow peers were borne %.0f s" %
          (max([mib for _, mib in memory] or [0]), min(settled), max(settled), max(borne)))
    failures = list(fuzz.findings)
    if collector.process.poll() is None and collector.post(batch("good", [connection(1, CLOSED)])) != ACCEPTED:
        failures.append("a good batch is not taken any more")
    if max(mib for _, mib in memory) > MEMORY_LIMIT_MIB or settled[-1] - settled[0] > GROWTH_LIMIT_MIB:
        failures.append("memory is not bounded")
    if max(borne) >= SLOW_LIMIT_S:
        failures.append("a peer that drips was never closed")
    code = collector.stop()
    with open(log, errors="replace") as file:
        text = file.read()
    if code != 0 or "Sanitizer" in text or "runtime error" in text:
        failures.append("the collector ended with %d:\n%s" % (code, text[-6000:]))
    for failure in failures:
        print(failure)
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collector", required=True)
    parser.add_argument("--requests", type=int, default=20000)
    parser.add_argument("--full", type=int)
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    if options.full and os.environ.get("WHYDROP_TEST_FULL", "") not in ("", "0"):
        options.requests = options.full
    with tempfile.TemporaryDirectory() as directory:
        return run(options, directory)


if __name__ == "__main__":
    sys.exit(main())
