"""Loads the collector and prints ratios that were measured in one run; they are no test and judge nothing.

collector_bench.py --collector PROGRAM --load PROGRAM --bare PROGRAM [--seconds N] [--rows N] [--engine-rows N] [--hold SECONDS]
                   [--connections N] [--only NAME]

  uploads      each with a full TLS handshake (ECDSA P-256), by the processor time of the server: against a bare handler of
               the same HTTP library, in turns
  rows         of servers' batches: against SQLite's own INSERT ... SELECT of the very rows that the collector stored,
               into the same tables with the same indexes. A machine that does other work slows five threads more than
               one, so the ratio stands also by processor time
  engine       the same rows in front of one node of ClickHouse (engine_rows.py)
  half load    how long answers take at half of the rate that was reached, by a schedule that does not wait. The load
               shares the processors, and its threads wait for them too: what the collector itself needs stands beside
  hold         memory while so many TLS connections stay open and post
"""
import argparse
import json
import os
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request

from engine_rows import print_engine_rows
from engine import BOUND  # the folder is found by engine_rows

ROUNDS = 5
ROWS_A_BATCH = 2000
SERVERS = 16  # that send rows at once
CLIENTS = 256  # that upload at once: fewer would wait for the disk together, and both processors with them
PARTS = "sizes", "uploads", "rows", "engine", "hold"
TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, command, port_of_line):
        self.process = subprocess.Popen([*BOUND, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.line = self.process.stdout.readline()
        self.port = port_of_line(self.line)

    def processor_s(self):
        with open("/proc/%d/stat" % self.process.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def busiest_thread_s(self):
        tasks = "/proc/%d/task" % self.process.pid
        times = []
        for task in os.listdir(tasks):
            with open(os.path.join(tasks, task, "schedstat")) as file:
                times.append(int(file.read().split()[0]) / 1e9)
        return max(times)

    def resident_mib(self):
        with open("/proc/%d/statm" % self.process.pid) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20

    def peak_mib(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) / 2**10

    def answers_within(self):
        """Of a collector: how many answers took at most so many seconds, from the last byte of a batch on."""
        address = self.line.split("admin=http://")[1].split()[0]
        with urllib.request.urlopen("http://%s/metrics" % address) as answer:
            found = re.findall(r'answer_seconds_bucket{le="(.+?)"} (\d+)', answer.read().decode())
        return {float(bound): int(count) for bound, count in found}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process.stdout.close()


class Bench:
    def __init__(self, options, directory):
        self.options, self.directory, self.first = options, directory, 0
        self.certificate, self.key = (os.path.join(directory, name) for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-days", "2", "-keyout", self.key, "-out", self.certificate],
                       check=True, capture_output=True)

    def collector(self, name, *flags, url=None):
        store = os.path.join(self.directory, name + ".db")
        return Server([self.options.collector, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store",
                       url or "sqlite:" + store, "--rate-limit", "0", "--max-connections", "15000",
                       "--max-connections-per-address", "0", *flags],
                      lambda line: int(line.split()[1].rsplit(":", 1)[1])), store

    def tls(self):
        return "--tls-cert", self.certificate, "--tls-key", self.key

    def load(self, *arguments):
        """Runs the load with numbers of batches that no other run had."""
        words = [str(a) for a in arguments]
        first, self.first = self.first, self.first + 10**7
        run = subprocess.run([self.options.load, *[w.replace("FIRST", str(first)) for w in words]],
                             check=True, capture_output=True, text=True)
        found = json.loads(run.stdout)
        if found["failed"]:
            raise SystemExit("%d requests failed: %s" % (found["failed"], words))
        return found

    def sizes(self):
        found = self.load("sizes")
        row("bytes of a client's report of %d connections" % found["client_rows"], found["client_bytes"], "")
        row("bytes of a server's report, a connection", found["server_bytes_a_row"], "")

    def uploads(self):
        collector, _ = self.collector("uploads", *self.tls())
        bare = Server([self.options.bare, self.certificate, self.key], int)
        rates, seconds = {"collector": [], "bare": []}, []
        self.load("uploads", collector.port, 1, CLIENTS, "FIRST")  # warms both up
        self.load("uploads", bare.port, 1, CLIENTS, "FIRST")
        for _ in range(ROUNDS):
            for name, server in (("bare", bare), ("collector", collector)):
                before = server.processor_s()
                found = self.load("uploads", server.port, self.options.seconds, CLIENTS, "FIRST")
                rates[name].append(found["answered"] / (server.processor_s() - before))
                if name == "collector":
                    seconds.append(found["answered"] / found["seconds"])
        bare.stop()
        ours, theirs = statistics.median(rates["collector"]), statistics.median(rates["bare"])
        ratio = statistics.median(c / b for c, b in zip(rates["collector"], rates["bare"]))
        row("uploads per core-second, bare handler", "%.0f" % theirs, "")
        row("uploads per core-second, collector", "%.0f" % ours, "")
        row("**ratio**", "%.2f" % ratio, "0.8")
        reached = statistics.median(seconds)
        row("uploads a second reached, load beside it", "%.0f" % reached, "")
        before = collector.answers_within()
        half = self.load("uploads", collector.port, 2 * self.options.seconds, CLIENTS, "FIRST", reached / 2)
        row("answers at half of that, handshake included, p50 / p99", "%.1f / %.1f ms" % (half["p50_ms"], half["p99_ms"]), "")
        within = {bound: count - before[bound] for bound, count in collector.answers_within().items()}
        p99 = min(bound for bound, count in within.items() if count >= 0.99 * max(within.values()))
        row("of it from the last byte of the batch to its answer, p99 at most", "%.0f ms" % (1000 * p99), "")
        collector.stop()

    def rows(self):
        ingest, bulk, of_writer, sizes = [], [], [], []
        for turn in range(3):
            collector, store = self.collector("rows%d" % turn)
            before = collector.processor_s()
            batches = max(1, self.options.rows // ROWS_A_BATCH)
            found = self.load("rows", collector.port, batches, ROWS_A_BATCH, SERVERS, "FIRST")
            processor, writer = collector.processor_s() - before, collector.busiest_thread_s()
            collector.stop()
            ingest.append((found["rows"] / found["seconds"], found["rows"] / processor))
            took, took_processor = self.bulk_insert(store)
            bulk.append(found["rows"] / took)
            of_writer.append(took_processor / writer)
            sizes.append(os.path.getsize(store) / found["rows"])
            os.remove(store)
        rate = statistics.median(wall for wall, _ in ingest)
        ratio = statistics.median(i[0] / b for i, b in zip(ingest, bulk))
        row("rows a second, SQLite's own bulk insert", "%.0f" % statistics.median(bulk), "")
        row("rows a second, collector", "%.0f" % rate, "")
        row("**ratio**", "%.2f" % ratio, "0.7")
        row("the same by the processor time of the threads that write", "%.2f" % statistics.median(of_writer), "")
        row("rows per core-second, collector", "%.0f" % statistics.median(cpu for _, cpu in ingest), "")
        row("bytes of the store a row", "%.0f" % statistics.median(sizes), "")

    def engine(self):
        print_engine_rows(self, row, max(1, self.options.engine_rows // ROWS_A_BATCH), ROWS_A_BATCH, SERVERS)

    def bulk_insert(self, store):
        """What SQLite takes to insert every row of the store into the same empty tables, in one transaction: seconds,
        and those of the processor."""
        copy = os.path.join(self.directory, "bulk.db")
        db = sqlite3.connect(copy, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("ATTACH ? AS stored", (store,))
        schema = db.execute("SELECT name, sql FROM stored.sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
                            "ORDER BY type <> 'table'").fetchall()
        for _, sql in schema:
            db.execute(sql)
        tables = [name for name, sql in schema if sql.startswith("CREATE TABLE")]
        for name in tables:
            db.execute("SELECT count(*) FROM stored.%s" % name).fetchall()  # in memory, as what the collector gets is
        begun, begun_processor = time.monotonic(), time.thread_time()
        db.execute("BEGIN IMMEDIATE")
        for name in tables:
            # In an order of its own: without one SQLite would copy pages and not insert rows.
            db.execute("INSERT INTO main.%s SELECT * FROM stored.%s ORDER BY 1" % (name, name))
        db.execute("COMMIT")
        took = time.monotonic() - begun, time.thread_time() - begun_processor
        db.close()
        for file in (copy, copy + "-wal", copy + "-shm"):
            if os.path.exists(file):
                os.remove(file)
        return took

    def hold(self):
        if not self.options.hold:
            return
        collector, _ = self.collector("hold", *self.tls())
        samples, done = [], threading.Event()

        def watch():
            begun = time.monotonic()
            while not done.wait(1):
                samples.append((time.monotonic() - begun, collector.resident_mib()))
        thread = threading.Thread(target=watch)
        thread.start()
        found = self.load("hold", collector.port, self.options.hold, self.options.connections, "FIRST")
        done.set()
        thread.join()
        collector.stop()
        settled = [mib for at, mib in samples if at > found["seconds"] / 4]
        third = max(1, len(settled) // 3)
        row("memory with %d TLS connections, first third / last third of %.0f s" %
            (self.options.connections, found["seconds"]),
            "%.0f / %.0f MiB" % (statistics.mean(settled[:third]), statistics.mean(settled[-third:])), "flat")
        row("batches taken meanwhile", "%d" % found["answered"], "")


def row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("collector", "load", "bare"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--seconds", type=float, default=4, help="of each turn of the uploads")
    parser.add_argument("--rows", type=int, default=200000)
    parser.add_argument("--engine-rows", type=int, default=6000000)
    parser.add_argument("--hold", type=float, default=60, help="seconds, 0: not")
    parser.add_argument("--connections", type=int, default=10000)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="whydrop-bench-")
    try:
        bench = Bench(options, directory)
        row("what", "measured", "bar")
        row("---", "---", "---")
        for name in (options.only,) if options.only else PARTS:
            getattr(bench, name)()
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
