#!/usr/bin/env python3
"""How long the analyst's page takes with many connections behind it: real batches through a real collector, then a real
headless Chromium. Prints each question's time, the first paint, and how long after the last answer all was drawn.

Usage: page_bench.py --collector PROGRAM [--connections N] [--directory D]
  --connections N   how many to post first (1,000,000); a client's batch holds 2,000 of them
  --directory D     keeps the store there and fills it only if it holds no connection yet
"""
import argparse
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import collector_driver  # noqa: E402
import page_data  # noqa: E402
from browser import Browser  # noqa: E402
from collector_driver import ACCEPTED, batch, connection  # noqa: E402

A_BATCH = 2000
DAYS = 28
VERSIONS = ("1.4.0", "1.9.0", "1.10.0")
MIX = ("logout",) * 12 + ("crash", "kill", "link", "path", "reset", "unread", "kick")


def fill(collector, connections):
    """The connections of a batch are made once for each of a few mixtures; sessions, versions and days differ."""
    seen = {ending: told for ending, (told, _, _) in page_data.ENDINGS.items() if told}
    mixtures = [[connection(number + 1, seen[MIX[(number * (shift + 1)) % len(MIX)]], endpoint="gate-%d" % (number % 7))
                 for number in range(A_BATCH)] for shift in range(5)]
    client = collector.connect()
    for number in range((connections + A_BATCH - 1) // A_BATCH):
        size = min(A_BATCH, connections - number * A_BATCH)
        data = batch("bench-%d" % number, mixtures[number % 5][:size], version=VERSIONS[number % 3], end=200 if number % 9 == 0 else 101)
        verdict = collector.post(data, client, X_Whydrop_Age=str(number % DAYS * 86400 + 60))
        if verdict != ACCEPTED:
            raise SystemExit("batch %d: %s" % (number, verdict))
    client.close()


def measure(collector):
    browser = Browser("http://127.0.0.1:%d" % collector.admin_port)
    try:
        for query, name in (("", "the last 30 days"), ("?since=any&outcome=any", "everything"),
                            ("?since=any&app_version=none-such", "a version that has no connection")):
            began = time.monotonic()
            browser.open("http://127.0.0.1:%d/%s" % (collector.admin_port, query))
            browser.wait("performance.getEntriesByName('whydrop-drawn').length", 600)
            print("%s: drawn after %.0f ms" % (name, 1000 * (time.monotonic() - began)))
            print("  first contentful paint %.0f ms, drawn %.0f ms after the last answer it needs" % tuple(browser.run(
                "(() => { const drawn = performance.getEntriesByName('whydrop-drawn')[0].startTime; return ["
                "performance.getEntriesByName('first-contentful-paint')[0].startTime, drawn - Math.max(...performance"
                ".getEntriesByType('resource').filter((r) => /attribution|session_ends/.test(r.name))"
                ".map((r) => r.responseEnd))]; })()")))
            for path, took in browser.run("performance.getEntriesByType('resource').filter((r) => r.name.includes('/v1/'))"
                                          ".map((r) => [r.name.replace(/.*\\/v1/, '/v1'), r.duration])"):
                print("  %7.0f ms  %s" % (took, path))
    finally:
        browser.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collector", required=True)
    parser.add_argument("--connections", type=int, default=1000000)
    parser.add_argument("--directory")
    arguments = parser.parse_args()
    collector_driver.COLLECTOR = arguments.collector
    with tempfile.TemporaryDirectory() as temporary:
        if arguments.directory:
            os.makedirs(arguments.directory, exist_ok=True)
        collector = collector_driver.Collector(arguments.directory or temporary, "--rate-limit", "0")
        try:
            if not collector.json("/v1/attribution")["connections"]:
                began = time.monotonic()
                fill(collector, arguments.connections)
                print("filled %d connections in %.0f s" % (arguments.connections, time.monotonic() - began))
            measure(collector)
        finally:
            collector.stop()


if __name__ == "__main__":
    main()
