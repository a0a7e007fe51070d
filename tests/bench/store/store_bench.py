#!/usr/bin/env python3
"""Both stores with the same connections, asked the same: prints the table of tests/bench/store/store_bench.cc for SQLite
and one node of Debian's ClickHouse, and fails where their answers differ.

Usage: store_bench.py --bench PROGRAM --directory DIR [--connections N] [--fill]

DIR keeps the stores, and is used again. --fill only makes them, which takes minutes: store_bench fills the SQLite file
through the collector's own writer, and what is counted there is copied into the engine's tables, where the store then
counts it itself. The copies have no records, so they are counted and listed but have no time line.
"""
import argparse
import os
import sqlite3
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "samples", "demo"))
from engine import Engine, end_on_sigterm, is_installed  # noqa: E402

AT_ONCE = 200000
SESSION_KIND = 3
ENDED_RANK = 1 << 63
CONNECTIONS = """SELECT c.id, c.app_id, c.kind, c.count, c.at_s, c.cause, c.confidence, c.outcome, c.app_version, c.endpoint,
  c.network, c.platform, c.server_error, c.decided_s, c.findings, hex(s.session_id), c.tag_set
  FROM connections c LEFT JOIN sessions s ON s.id = c.session"""
SESSIONS = """SELECT id, app_id, ended_s, end, app_version, platform, hex(session_id), tag_set, rotation, started_s, code, module,
  offset, report_id, uptime_ms, connections_opened, end_confidence FROM sessions WHERE role = 0"""
VERDICTS = "day, app_id, row_id, version, kind, connections, at_s, cause, confidence, outcome, app_version, endpoint, network, \
platform, server_error, decided_s, findings, session_id, tag_keys, tag_values"


def spread(number):
    """An id as a row of a real store has it: neighbours in time are none in the order of the table."""
    return number * 0x9E3779B97F4A7C15 % (1 << 64)


def raw(hexadecimal):
    return "".join("\\x" + hexadecimal[i:i + 2] for i in range(0, len(hexadecimal or ""), 2))


def day(unix_s):
    return time.strftime("%Y-%m-%d", time.gmtime(unix_s))


def insert(node, table, columns, rows):
    body = f"INSERT INTO whydrop.{table} ({columns}) FORMAT TabSeparated\n" + "".join(rows)
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{node.http}/", data=body.encode()), timeout=300).read()
    rows.clear()


class Copy:
    def __init__(self, path, node):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.node = node
        self.tags = {0: "[]\t[]"}
        by_set = {}
        for tag_set, key, value in self.db.execute("SELECT tag_set, key, value FROM tag_set_tags ORDER BY 1, 2"):
            by_set.setdefault(tag_set, []).append((key, value))
        for tag_set, tags in by_set.items():
            self.tags[tag_set] = "\t".join("[" + ",".join(f"'{tag[i]}'" for tag in tags) + "]" for i in (0, 1))

    def connections(self):
        rows = []
        for (number, app, kind, count, at_s, cause, confidence, outcome, version, endpoint, network, platform, error, decided_s,
             findings, session, tag_set) in self.db.execute(CONNECTIONS):
            rows.append(f"{day(at_s)}\t{app}\t{spread(2 * number)}\t1\t{kind}\t{count}\t{at_s}\t{cause}\t{confidence}\t{outcome}\t"
                        f"{version}\t{endpoint}\t{network}\t{platform}\t{error}\t{decided_s}\t{findings}\t{raw(session)}\t"
                        f"{self.tags[tag_set]}\n")
            if len(rows) == AT_ONCE:
                insert(self.node, "verdicts", VERDICTS, rows)
        insert(self.node, "verdicts", VERDICTS, rows)

    def sessions(self):
        counted, rows = [], []
        for (number, app, at_s, end, version, platform, session, tag_set, rotation, started_s, code, module, offset, report,
             uptime_ms, opened, confidence) in self.db.execute(SESSIONS):
            tags, known = self.tags[tag_set], platform if platform in (1, 2, 3) else 0
            counted.append(f"{day(at_s)}\t{app}\t{spread(2 * number + 1)}\t1\t{SESSION_KIND}\t1\t{at_s}\t{end}\t0\t0\t{version}\t\t\t"
                           f"{known}\t\t0\t0\t{raw(session)}\t{tags}\n")
            rows.append(f"{day(at_s)}\t{app}\t0\t{raw(session)}\t{ENDED_RANK if end else rotation}\t{at_s}\t{started_s}\t{at_s}\t"
                        f"{version}\t{platform}\t{end}\t{confidence}\t{code}\t{module}\t{offset}\t{report}\t{uptime_ms}\t{opened}\t"
                        f"{tags}\n")
            if len(rows) == AT_ONCE:
                self._put_sessions(counted, rows)
        self._put_sessions(counted, rows)

    def _put_sessions(self, counted, rows):
        insert(self.node, "verdicts", VERDICTS, counted)
        insert(self.node, "sessions", "day, app_id, role, session_id, rank, received_s, started_s, ended_s, app_version, platform, "
               "ended_as, end_confidence, code, module, crash_offset, report_id, uptime_ms, connections_opened, tag_keys, "
               "tag_values", rows)

    def labels(self):
        rows = ["\t".join(row) + "\n" for row in self.db.execute("SELECT app_id, dimension, value FROM labels")]
        insert(self.node, "labels", "app_id, dimension, value", rows)


def fill(arguments, sqlite, node, url):
    bench = [arguments.bench, "--connections", str(arguments.connections)]
    subprocess.run(bench + ["sqlite:" + sqlite], check=True)
    if node.ask("EXISTS TABLE whydrop.verdicts") == "1":
        node.ask("DROP DATABASE whydrop")
    began = time.monotonic()
    # Opens the store, which makes its tables.
    subprocess.run([arguments.bench, "--connections", "0", url], check=True, stdout=subprocess.DEVNULL)
    copy = Copy(sqlite, node)
    copy.labels()
    copy.sessions()
    copy.connections()
    node.ask(f"INSERT INTO whydrop.days SELECT DISTINCT day, toUInt64({int(time.time() * 1000)}) FROM whydrop.verdicts", timeout=300)
    copied = time.monotonic()
    subprocess.run([arguments.bench, "--connections", "0", url], check=True, stdout=subprocess.DEVNULL)
    print(f"copied in {copied - began:.0f} s, then counted and asked once in {time.monotonic() - copied:.0f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--connections", type=int, default=10000000)
    parser.add_argument("--fill", action="store_true")
    arguments = parser.parse_args()
    if not is_installed():
        raise SystemExit("Debian's clickhouse-server is not installed")
    end_on_sigterm()
    os.makedirs(arguments.directory, exist_ok=True)
    sqlite = os.path.join(arguments.directory, "store.db")
    engine = Engine(os.path.join(arguments.directory, "engine")).start()
    try:
        node = engine.nodes[0]
        url = engine.url(create=1, spool=os.path.join(arguments.directory, "spool"))
        if arguments.fill:
            return fill(arguments, sqlite, node, url)
        return subprocess.run([arguments.bench, "--connections", str(arguments.connections), "--engine", str(node.pid),
                               "sqlite:" + sqlite, url], check=False).returncode
    finally:
        engine.stop()


if __name__ == "__main__":
    sys.exit(main())
