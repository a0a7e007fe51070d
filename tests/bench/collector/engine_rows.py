"""Rows into one node of Debian's ClickHouse, for collector_bench.py: the collector's whole way, from the servers' batches
over the spool to the engine's tables, against the engine's own bulk insert of the very rows that it wrote there, into the
same tables, in RowBinary from memory, one insert for each table, with nothing beside it. Blocks fill up long before their
time, which only the last one waits for: half a second here, and so many rows that it does not count for much.
"""
import os
import statistics
import sys
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "samples", "demo"))
from engine import Engine  # noqa: E402

# What a batch becomes. Verdicts, counts, and that work is done follow from it, at any time, and are no part of an insert.
SELECTS = {
    "labels": "SELECT * FROM %s.labels",
    "sessions": "SELECT * FROM %s.sessions",
    "links": "SELECT * FROM %s.links",
    "records": "SELECT * FROM %s.records",
    "work": "SELECT DISTINCT day, due_us, app_id, join_key, owner, toUInt8(0) FROM %s.work",
}
WAIT_S = 300


class EngineRows:
    def __init__(self, directory):
        self.directory = directory
        self.engine = Engine(os.path.join(directory, "engine"))
        self.node = self.engine.nodes[0]

    def measure(self, run):
        """`run(store URL)` sends batches and returns when all are acknowledged: what the load says of them, and the
        collector, which still runs. Yields for each of three turns: rows a second until they are acknowledged, in the
        engine, and judged, and those of the bulk insert; the collector's memory at most, and bytes of the tables a row."""
        self.engine.start()
        try:
            for turn in range(3):
                yield self.turn("rows%d" % turn, run)
        finally:
            self.engine.stop()

    def turn(self, database, run):
        found, collector = run(self.engine.url(database, create=1, block_ms=500, spool=os.path.join(self.directory, "spool")))
        rows, begun = found["rows"], time.monotonic() - found["seconds"]
        stored_s = self.wait("SELECT count() FROM %s.records" % database, rows) - begun
        judged_s = self.wait("SELECT uniqExact(row_id) FROM %s.verdicts" % database, rows) - begun
        peak_mib = collector.peak_mib()
        collector.stop()
        self.wait("SELECT count() = 0 FROM system.merges", 1)  # the bulk insert has the engine for itself
        stored = int(self.node.ask("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = '%s' AND table IN "
                                   "('records', 'verdicts', 'sessions')" % database))
        bulk_s = self.bulk_insert(database)
        self.node.ask("DROP DATABASE " + database)
        rates = [rows / seconds for seconds in (found["seconds"], stored_s, judged_s, bulk_s)]
        return (*rates, peak_mib, stored / rows)

    def wait(self, sql, wanted):
        deadline = time.monotonic() + WAIT_S
        while int(self.node.ask(sql)) < wanted:
            if time.monotonic() > deadline:
                raise SystemExit("%s: not %d after %d s" % (sql, wanted, WAIT_S))
            time.sleep(0.05)
        return time.monotonic()

    def bulk_insert(self, database):
        """Seconds."""
        bodies = {}
        for table, select in SELECTS.items():
            self.node.ask("CREATE TABLE %s.bulk_%s AS %s.%s" % (database, table, database, table))
            bodies[table] = self.post(select % database + " FORMAT RowBinary", b"")
        begun = time.monotonic()
        for table, body in bodies.items():
            if body:
                self.post("INSERT INTO %s.bulk_%s FORMAT RowBinary" % (database, table), body)
        took = time.monotonic() - begun
        for table, select in SELECTS.items():
            # The engine may have merged what is twice.
            copied, stored = (int(self.node.ask("SELECT count() FROM (%s)" % text)) for text in (
                "SELECT DISTINCT * FROM %s.bulk_%s" % (database, table), select.replace("SELECT *", "SELECT DISTINCT *") % database))
            if copied != stored:
                raise SystemExit("%d of %d rows of %s were copied" % (copied, stored, table))
        return took

    def post(self, sql, body):
        url = "http://127.0.0.1:%d/?query=%s" % (self.node.http, urllib.parse.quote(sql))
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=WAIT_S) as answer:
            return answer.read()


def print_engine_rows(bench, row, batches, rows_a_batch, servers):
    measured = EngineRows(bench.directory)

    def run(url):
        collector = bench.collector("engine", url=url)[0]
        return bench.load("rows", collector.port, batches, rows_a_batch, servers, "FIRST"), collector

    turns = list(zip(*measured.measure(run)))
    bulk = turns[3]
    row("rows a second, ClickHouse's own bulk insert", "%.0f" % statistics.median(bulk), "")
    for rates, until, bar in zip(turns, ("acknowledged", "in the engine", "judged there"), ("", "0.7", "")):
        row("rows a second, collector, until they are " + until, "%.0f" % statistics.median(rates), "")
        row("**ratio**", "%.2f" % statistics.median(rate / own for rate, own in zip(rates, bulk)), bar)
    row("memory of the collector meanwhile, at most", "%.0f MiB" % max(turns[4]), "")
    row("bytes of the engine's tables a row, verdict included", "%.0f" % statistics.median(turns[5]), "")
