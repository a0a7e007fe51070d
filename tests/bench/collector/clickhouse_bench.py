#!/usr/bin/env python3
"""How long the collector's questions take with many connections in one ClickHouse node of Debian's package.

Usage: clickhouse_bench.py --collector PROGRAM [--connections N]   (10,000,000)

The verdicts are made by the engine itself, as the collector would have written them; the collector then counts them and
answers, each question several times. Prints the median of each, one row for each question, beside a scan of the verdicts
that the engine is asked for directly.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "e2e"), os.path.join(HERE, "..", "..", "..", "samples", "demo")]
import collector_driver  # noqa: E402
from engine import Engine, end_on_sigterm, is_installed  # noqa: E402

DAYS = 30
TIMES = 7
SETTLE_S = 600
QUESTIONS = {
    "by cause and side": "/v1/attribution?group_by=cause,side",
    "by cause and the server's error": "/v1/attribution?group_by=cause,server_error",
    "by cause and version": "/v1/attribution?group_by=cause,app_version",
    "by cause and day": "/v1/attribution?group_by=cause,day",
    "of one version and endpoint": "/v1/attribution?group_by=cause&app_version=1.3&endpoint=gate-2",
    "findings": "/v1/findings",
    "by a tag: every verdict is read": "/v1/attribution?group_by=tag:gpu",
}
VERDICTS = """INSERT INTO whydrop.verdicts SELECT toDate(toUInt16(at_s / 86400)), 'game', number, 1, toUInt8(number % 10 = 0),
  1, at_s, [100, 200, 201, 400, 402, 500, 503][number % 7 + 1], 3, [1, 2, 2, 2, 2, 2, 3][number % 7 + 1],
  concat('1.', toString(intHash32(number) % 8)), concat('gate-', toString(number % 7)),
  concat('isp-', toString(intHash32(number + 1) % 20)), 1 + number % 2,
  ['104 ECONNRESET', 'recv 0', 'time-out', 'none'][intHash32(number + 2) % 4 + 1], 0, toUInt32(number % 50 = 0),
  unhex(hex(MD5(toString(number)))), 1, unhex(hex(MD5(toString(intDiv(number, 4))))), toFixedString('', 16), ['gpu'],
  [concat('card-', toString(intHash32(number + 3) % 12))]
FROM (SELECT number, toUInt32({start} + number % {span}) AS at_s FROM system.numbers LIMIT {first}, {count})"""


def fill(node, connections):
    start = int(time.time()) // 86400 * 86400 - DAYS * 86400
    at_once = 500000
    for first in range(0, connections, at_once):
        count = min(at_once, connections - first)
        node.ask(VERDICTS.format(start=start, span=DAYS * 86400, first=first, count=count), timeout=300)
    touched = int(time.time() * 1000)
    node.ask(f"INSERT INTO whydrop.days SELECT DISTINCT day, toUInt64({touched}) FROM whydrop.verdicts")


def median_ms(ask):
    times = []
    for _ in range(TIMES):
        started = time.monotonic()
        ask()
        times.append(1000 * (time.monotonic() - started))
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collector", required=True)
    parser.add_argument("--connections", type=int, default=10000000)
    arguments = parser.parse_args()
    collector_driver.COLLECTOR = arguments.collector
    if not is_installed():
        raise SystemExit("Debian's clickhouse-server is not installed")
    end_on_sigterm()
    with tempfile.TemporaryDirectory(prefix="whydrop-bench-") as directory:
        engine = Engine(os.path.join(directory, "engine")).start()
        collector = None
        try:
            url = engine.url(spool=os.path.join(directory, "spool"))
            subprocess.run([arguments.collector, "schema", "--apply", "--store", url], check=True)
            fill(engine.nodes[0], arguments.connections)
            started = time.monotonic()
            collector = collector_driver.Collector(directory, store_url=url)
            while collector.json("/v1/attribution?group_by=cause")["connections"] != arguments.connections:
                if time.monotonic() - started > SETTLE_S:
                    raise SystemExit("the collector does not count all connections")
                time.sleep(0.2)
            print(f"| {arguments.connections:,} connections in ClickHouse | median of {TIMES} |\n|---|---|")
            print(f"| all {DAYS} days counted anew by the hour | {time.monotonic() - started:.1f} s |")
            for name, path in QUESTIONS.items():
                print(f"| {name} | {median_ms(lambda path=path: collector.json(path)):.0f} ms |", flush=True)
            scan = median_ms(lambda: engine.nodes[0].ask("SELECT cause, sum(connections) FROM whydrop.verdicts GROUP BY cause"))
            print(f"| beside it: the engine's own scan by cause, without FINAL | {scan:.0f} ms |")
        finally:
            if collector is not None:
                collector.stop()
            engine.stop()


if __name__ == "__main__":
    main()
