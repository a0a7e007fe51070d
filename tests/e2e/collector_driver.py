"""Drives the real whydrop-collector over HTTP with batches encoded by hand: what its end-to-end tests share."""
import argparse
import gzip
import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import programs

COLLECTOR = None
ACCEPTED, DUPLICATE, REJECTED, DISABLED = 1, 2, 3, 4
PATIENCE_S = 120  # for what never happens, not for a busy machine


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """int: varint; str, bytes: length-delimited."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(fields):
    return b"".join(field(number, value) for number, value in fields)


def read_message(data):
    fields, at = {}, 0

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(data):
        tag = read_varint()
        value = read_varint()
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        fields[tag >> 3] = value
    return fields


def until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.02)


def session_id(name):
    return hashlib.md5(name.encode()).digest()


def token_hash(app, token):
    return hashlib.sha256(app.encode() + b"\0" + token.encode()).digest()[:16]


def evidence(**values):
    numbers = {"error_kind": 1, "os_error": 2, "operation": 3, "established": 4, "peer_closed": 5,
               "closed_locally": 6, "close_reason": 7, "announced_reason": 8, "protocol": 9, "retransmits": 11,
               "outq_bytes": 13, "rtt_us": 20, "path_mtu_bytes": 23, "since_recv_ms": 24, "since_send_ms": 25,
               "sent_since_recv_bytes": 26, "link_up": 27, "link_down_since_recv": 28, "linger_zero": 35,
               "largest_send_bytes": 38, "unread_at_close_bytes": 39, "session_end": 50,
               "session_end_confidence": 51, "failure_ms": 53, "ended_ms": 54, "opened_ms": 55, "connected_ms": 56,
               "largest_since_recv_bytes": 61}
    return message(sorted((numbers[name], int(value)) for name, value in values.items()))


CLOSED = dict(established=1, closed_locally=1, protocol=1, ended_ms=1000)
RESET = dict(error_kind=1, os_error=104, operation=5, established=1, protocol=1, ended_ms=1000)


def crashed():
    return dict(established=1, protocol=1, ended_ms=1000, session_end=200, session_end_confidence=3)


def connection(number, ev, token=None, app="game", endpoint="gate-1", previous=0, is_open=0, network=None):
    fields = [(1, number)]
    if previous:
        fields.append((2, previous))
    if token:
        fields.append((3, token_hash(app, token)))
    if endpoint:
        fields.append((4, endpoint))
    if network:
        fields.append((5, network))
    if is_open:
        fields.append((6, 1))
    return message(fields + [(9, evidence(**ev))])


def batch(name, connections=(), app="game", version="1.0", role=0, rotation=0, part=0, tags=(), end=0, totals=(),
          session_fields=(), extra=b""):
    session = [(1, app), (2, version)] + ([(3, role)] if role else []) + [(4, 1)]
    session += [(6, message([(1, key), (2, value)])) for key, value in tags]
    if end:
        session += [(7, end), (8, 3)]
    session += [(9, 2000)] + list(session_fields)
    ident = message([(1, session_id(name)), (2, rotation), (3, part)])
    fields = [(1, ident), (2, 1), (3, message(session))] + [(4, c) for c in connections]
    fields += [(6, t) for t in totals] + [(8, 2000)]
    return message(fields) + extra


class Collector:
    """A running collector; `log` is a file for its stderr, `environment` is set beside this process's own."""

    def __init__(self, directory, *flags, store="store.db", store_url=None, log=os.devnull, environment=None):
        self.store = os.path.join(directory, store)
        with open(log, "a") as stderr:
            self.process = programs.start(
                [COLLECTOR, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
                 "--store", store_url or "sqlite:" + self.store, *flags],
                stdout=subprocess.PIPE, stderr=stderr, text=True, env={**os.environ, **(environment or {})})
        line = self.process.stdout.readline()
        parts = dict(word.split("=", 1) for word in line.split()[1:])
        self.ingest_port = int(parts["ingest"].rsplit(":", 1)[1])
        self.admin_port = int(parts["admin"].rsplit(":", 1)[1])
        self.line = line

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout=PATIENCE_S)
        self.process.stdout.close()
        return code

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.ingest_port, timeout=PATIENCE_S)

    def post_raw(self, body, client=None, path="/v1/batches", **headers):
        sent = {"Content-Type": "application/x-protobuf"}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        own = client or self.connect()
        own.request("POST", path, body, sent)
        answer = own.getresponse()
        data = answer.read()
        if client is None:
            own.close()
        return answer.status, data

    def post(self, data, client=None, **headers):
        """Returns the verdict of the verified acknowledgement, or the HTTP status."""
        body = gzip.compress(data, 1)
        status, answer = self.post_raw(body, client, Content_Encoding="gzip", **headers)
        if status != 200:
            return status
        ack = read_message(answer)
        sent, named = read_message(read_message(data)[1]), read_message(ack[1])
        for number in (1, 2, 3):  # a zero may be left out on the wire
            assert sent.get(number, 0) == named.get(number, 0), "the Ack names another id"
        assert ack[2] == hashlib.sha256(data).digest(), "the Ack names other bytes"
        return ack[3]

    def get(self, path):
        client = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE_S)
        client.request("GET", path)
        answer = client.getresponse()
        data = answer.read()
        client.close()
        return answer, data

    def json(self, path):
        answer, data = self.get(path)
        assert answer.status == 200, data
        return json.loads(data)

    def metrics(self):
        """Every series of /metrics by its name and labels, without the prefix."""
        lines = self.get("/metrics")[1].decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name.replace("whydrop_collector_", "", 1): float(value) for name, value in pairs}

    def causes(self, extra=""):
        found = self.json("/v1/attribution?group_by=cause" + extra)
        return {group["cause"]: group["connections"] for group in found["groups"]}


class CollectorTest(unittest.TestCase):
    flags = ()

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def path(self, name, content=None):
        """A path in the test's own directory, of a file with that content if one is given."""
        path = os.path.join(self.directory.name, name)
        if content is not None:
            with open(path, "w") as file:
                file.write(content)
        return path

    def start(self, *flags, **more):
        collector = Collector(self.directory.name, *flags, **more)
        self.addCleanup(collector.stop)
        return collector

    def fails(self, *flags):
        run = subprocess.run([COLLECTOR, *flags], capture_output=True, text=True, timeout=PATIENCE_S)
        return run.returncode, run.stderr


def main():
    """Runs the tests of the program that calls it against the collector that is named on its command line."""
    global COLLECTOR
    parser = argparse.ArgumentParser()
    parser.add_argument("--collector", required=True)
    known, rest = parser.parse_known_args()
    COLLECTOR = os.path.abspath(known.collector)
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])
