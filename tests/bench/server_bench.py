#!/usr/bin/env python3
"""What the SDK in server role costs a game server with ten thousand open connections: the same server under the same
load, in turns with it and without it, so that only their ratio and difference are told.

usage: server_bench.py BUILD_FOLDER [CONNECTIONS] [SECONDS] [ROTATE_MS] [PING_MS]
"""
import os
import signal
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import collector_driver
import crowd_driver

ROUNDS = 2


def measure(collector, players, seconds, rotate_ms, ping_ms, *more):
    with tempfile.TemporaryDirectory(prefix="whydrop-bench-") as directory:
        url = f"http://127.0.0.1:{collector.ingest_port}"
        server = crowd_driver.Server(os.path.join(directory, "server"), url, *more, rotate_ms=rotate_ms)
        empty_kib = server.measure(2)["resident_kib"]  # the worker has touched the ring and reported once
        crowds = crowd_driver.Crowds(directory, "", server.port, players, ping_ms=ping_ms)
        try:
            crowds.await_all("connected")
            server.measure(2)  # the first reports tell all that has opened
            cost = server.measure(seconds)
            cost["players_kib"] = cost["resident_kib"] - empty_kib
            return cost
        finally:
            server.end(signal.SIGKILL)
            for program in crowds.programs:
                program.end(signal.SIGKILL)


def main():
    build = sys.argv[1]
    wanted, seconds, rotate_ms, ping_ms = [int(text) for text in sys.argv[2:]] + [10000, 10, 1000, 1000][len(sys.argv) - 2:]
    crowd_driver.GAME = os.path.join(build, "samples/game")
    collector_driver.COLLECTOR = os.path.join(build, "samples/collector/whydrop-collector")
    players = crowd_driver.most_connections(wanted)
    with tempfile.TemporaryDirectory(prefix="whydrop-bench-") as directory:
        collector = collector_driver.Collector(directory, "--rate-limit", "0")
        runs = {"with": [], "without": []}
        for _ in range(ROUNDS):
            runs["with"].append(measure(collector, players, seconds, rotate_ms, ping_ms))
            runs["without"].append(measure(collector, players, seconds, rotate_ms, ping_ms, "--no-whydrop"))
        collector.stop()

    def mean(which, name):
        return statistics.mean(run[name] for run in runs[which])
    def more(name):
        return mean("with", name) - mean("without", name)
    print(f"server: {players} open connections, each pings every {ping_ms} ms, a report every {rotate_ms} ms")
    print(f"server cpu: {100 * mean('with', 'all'):.1f} % of a core with, {100 * mean('without', 'all'):.1f} % without,"
          f" ratio {mean('with', 'all') / mean('without', 'all'):.2f}")
    print(f"server worker: {100 * mean('with', 'worker'):.2f} % of a core,"
          f" {mean('with', 'worker') * rotate_ms:.2f} ms a report")
    print(f"server memory: {more('resident_kib') / 1024:.1f} MiB more with,"
          f" of it for the connections {more('players_kib') / 1024:.1f} MiB, {1024 * more('players_kib') / players:.0f} bytes each")


if __name__ == "__main__":
    main()
