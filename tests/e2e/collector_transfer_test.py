"""Logs of servers that do not link the SDK go in, connections with their verdicts come out, and a store is backed up."""
import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import collector_driver as base
from collector_driver import ACCEPTED, RESET, batch, connection, crashed, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "demo"))
from engine import Engine, end_on_sigterm  # noqa: E402

HEAD = "ended,token,endpoint,errno,operation,recv0,closed_by_us,reason,unread_bytes\n"


def lines(count, start=0):
    """A log whose lines differ, as CSV."""
    now = int(time.time()) - 1000
    return HEAD + "".join("%d,t%d,gate-%d,%s\n" % (now - n % 500, n, n % 3, ("104,recv,,,,", ",,1,,,", ",,,1,kick,7")[n % 3])
                          for n in range(start, start + count))


class Transfer(base.CollectorTest):
    def store_url(self):
        return "sqlite:" + self.path("store.db")

    def run_collector(self, command, *words, wanted=0):
        run = subprocess.run([base.COLLECTOR, command, *words, "--store", self.store_url()],
                             capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, wanted, run.stderr)
        return run

    def import_log(self, name, content, *flags, wanted=0):
        run = self.run_collector("import", self.path(name, content), "--app-id", "game", "--app-version", "server-7",
                                 *flags, wanted=wanted)
        counts = dict(word.split("=") for word in run.stdout.split())
        return {key: int(value) for key, value in counts.items()}, run.stderr

    def export(self, *flags):
        text = self.run_collector("export", *flags).stdout
        return list(csv.DictReader(io.StringIO(text)))


class Import(Transfer):
    def test_a_log_joins_with_what_the_clients_report(self):
        collector = self.start()
        self.assertEqual(collector.post(batch("c", [connection(1, crashed(), "t0")], end=200)), ACCEPTED)
        counts, _ = self.import_log("gate.csv", lines(3))
        self.assertEqual(counts, {"lines": 3, "accepted": 3, "known": 0, "rejected": 0})
        found = collector.json("/v1/connections?app_id=game&token=t0")["connections"][0]
        self.assertEqual(found["cause"], "client_crash")
        self.assertEqual(found["server"]["os_error"], 104)
        attribution = collector.json("/v1/attribution?group_by=server_error")
        self.assertEqual((attribution["connections"], attribution["reported"]), (3, 1))
        self.assertEqual({g["server_error"] for g in attribution["groups"]}, {"104 ECONNRESET", "recv 0", "none"})

    def test_the_same_file_counts_once_however_often_and_in_whatever_form_of_file(self):
        content = lines(4500)
        self.assertEqual(self.import_log("a.csv", content)[0]["accepted"], 4500)
        before = self.export()
        self.assertEqual(len(before), 4500)
        self.assertEqual(self.import_log("b.csv", content)[0],
                         {"lines": 4500, "accepted": 0, "known": 4500, "rejected": 0})
        rows = list(csv.DictReader(io.StringIO(content)))
        as_json = "".join(json.dumps({k: int(v) if v.isdigit() else v for k, v in row.items() if v}) + "\n" for row in rows)
        self.assertEqual(self.import_log("c.jsonl", as_json)[0]["known"], 4500)
        self.assertEqual(sorted(map(str, self.export())), sorted(map(str, before)))

    def test_a_log_that_has_grown_counts_its_tokens_once(self):
        content = lines(2500)
        self.import_log("a.csv", content)
        counts, _ = self.import_log("a.csv", content + lines(300, 2500)[len(HEAD):])
        self.assertEqual((counts["known"], counts["accepted"]), (2000, 800))
        self.assertEqual(len(self.export()), 2800)

    def test_lines_without_a_token_count_apart_and_equal_ones_count_each(self):
        now = int(time.time())
        content = "ended,errno\n" + "%d,104\n" % now * 5000
        self.assertEqual(self.import_log("a.csv", content)[0]["accepted"], 5000)
        self.assertEqual(self.import_log("a.csv", content)[0]["known"], 5000)
        self.assertEqual(self.start().json("/v1/attribution")["unjoined_server_records"], 5000)

    def test_with_a_wrong_line_nothing_is_imported_and_every_wrong_line_is_told(self):
        content = HEAD + "\n".join(["%d,t1,gate-1,104,recv,,,," % time.time(), "never,t2,,,,,,,",
                                    "%d,t3,Gate 3,,,,,," % time.time(), "%d,t4" % time.time()]) + "\n"
        counts, text = self.import_log("gate.csv", content, wanted=3)
        self.assertEqual(counts, {"lines": 3, "accepted": 0, "known": 0, "rejected": 3})
        path = self.path("gate.csv")
        for line in (path + " line 3: ended: 'never' is not", path + " line 4: endpoint: 'Gate 3' is not",
                     path + " line 5: 2 fields, but 9 columns", "nothing was imported"):
            self.assertIn(line, text)
        self.assertEqual(self.export(), [])
        counts, text = self.import_log("gate.csv", content, "--bad-lines", "skip", wanted=3)
        self.assertEqual((counts["accepted"], counts["rejected"]), (1, 3))
        self.assertIn("wrong lines were left out", text)
        self.assertEqual(len(self.export()), 1)

    def test_every_line_that_is_left_out_is_told_and_all_others_come_in(self):
        good = lines(60).splitlines()
        content = good[0] + "\n" + "".join(line + "\n" + 'never,"t%d,\n' % n for n, line in enumerate(good[1:]))
        counts, text = self.import_log("gate.csv", content, "--bad-lines", "skip", wanted=3)
        self.assertEqual(counts, {"lines": 60, "accepted": 60, "known": 0, "rejected": 60})
        path = self.path("gate.csv")
        told = [line.split(": ", 1) for line in text.splitlines() if line.startswith(path)]
        self.assertEqual([where for where, _ in told], ["%s line %d" % (path, 3 + 2 * n) for n in range(60)])
        self.assertEqual({what for _, what in told}, {"a quote in the middle of a field", "a quote is not closed"})
        self.assertEqual(len(self.export()), 60)

    def test_how_old_a_line_may_be_is_what_the_store_keeps(self):
        now = int(time.time())
        content = "ended,token\n%d,new\n%d,old\n" % (now - 29 * 86400, now - 500 * 86400)
        counts, text = self.import_log("a.csv", content, "--keep", "30", "--bad-lines", "skip", wanted=3)
        self.assertEqual((counts["accepted"], counts["rejected"]), (1, 1))
        self.assertIn("a.csv line 3: ended: '%d' is not a time of the last 30 days, which --keep says" % (now - 500 * 86400), text)
        self.assertEqual(self.import_log("b.csv", content, "--keep", "501")[0]["accepted"], 2)
        self.assertEqual(len(self.export()), 2)
        self.assertEqual(self.start("--keep", "501").json("/v1/attribution")["connections"], 2)

    def test_what_cannot_be_imported_is_told(self):
        now = int(time.time())
        for name, content, flags, code, words in [
                ("a.csv", "ended,zone\n%d,3\n" % now, (), 3, "line 2: zone is no column"),
                ("b.txt", "ended\n%d\n" % now, (), 1, "--format"), ("c.csv", "", (), 1, "is empty")]:
            _, text = self.import_log(name, content, *flags, wanted=code)
            self.assertIn(words, text)
        self.assertEqual(self.import_log("a.csv", "ended,zone\n%d,3\n" % now, "--ignore", "zone")[0]["accepted"], 1)
        for words, flag in [("/nonexistent.csv", ["/nonexistent.csv", "--app-id", "game", "--app-version", "1"])]:
            self.assertIn(words, self.run_collector("import", *flag, wanted=1).stderr)
        self.assertIn("--app-id", self.run_collector("import", self.path("a.csv"), wanted=2).stderr)

    def test_a_pipe_is_refused_and_not_taken_for_an_empty_log(self):
        run = subprocess.run([base.COLLECTOR, "import", "/dev/stdin", "--format", "jsonl", "--app-id", "game",
                              "--app-version", "1", "--store", "sqlite:" + self.path("store.db")],
                             input='{"ended":%d}\n' % time.time(), capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("import a file", run.stderr)

    def test_an_import_deletes_nothing_that_the_collector_was_told_to_keep(self):
        collector = self.start("--keep", "4000")
        self.assertEqual(collector.post(batch("old", [connection(1, RESET, "old")])), ACCEPTED)
        self.assertEqual(collector.stop(), 0)
        with sqlite3.connect(collector.store) as db:
            for table, column in [("connections", "at_s"), ("records", "at_s"), ("sessions", "ended_s"), ("batches", "received_s")]:
                db.execute("UPDATE %s SET %s = %s - 1000 * 86400" % (table, column, column))
        db.close()
        self.assertEqual(self.import_log("gate.csv", lines(3))[0]["accepted"], 3)
        self.assertEqual(len(self.export()), 4)

    def test_an_import_beside_a_collector_that_takes_batches_loses_nothing(self):
        collector = self.start("--rate-limit", "0")
        posted, stop = [], threading.Event()

        def post():
            client = collector.connect()
            while not stop.is_set():
                name = "p%d" % len(posted)
                if collector.post(batch(name, [connection(1, RESET, name)]), client) == ACCEPTED:
                    posted.append(name)
            client.close()
        thread = threading.Thread(target=post)
        thread.start()
        self.assertEqual(self.import_log("gate.csv", lines(6000))[0]["accepted"], 6000)
        stop.set()
        thread.join()
        self.assertEqual(collector.json("/v1/attribution")["connections"], 6000 + len(posted))


class ImportIntoClickHouse(Transfer):
    @classmethod
    def setUpClass(cls):
        cls.engine_directory = tempfile.TemporaryDirectory(prefix="whydrop-engine-")
        cls.addClassCleanup(cls.engine_directory.cleanup)
        cls.engine = Engine(os.path.join(cls.engine_directory.name, "engine")).start()
        cls.addClassCleanup(cls.engine.stop)

    def store_url(self):
        return self.engine.url(create=1, block_ms=100, spool=self.path("spool"))

    def test_a_second_import_says_what_was_there_and_counts_once(self):
        content = lines(4500)
        self.assertEqual(self.import_log("a.csv", content)[0],
                         {"lines": 4500, "accepted": 4500, "known": 0, "rejected": 0})
        counts, text = self.import_log("b.csv", content + lines(500, 4500)[len(HEAD):])
        self.assertEqual(counts, {"lines": 5000, "accepted": 1000, "known": 4000, "rejected": 0})
        self.assertNotIn("among the accepted", text)
        # While the engine is away it lies in the spool, and nobody can say what was there.
        self.engine.nodes[0].kill()
        counts, text = self.import_log("c.csv", content)
        self.assertEqual((counts["accepted"], counts["known"]), (4500, 0))
        self.assertIn("what was imported before is among the accepted, and counts once", text)
        self.engine.nodes[0].start()
        self.engine.wait(self.engine.nodes[0])
        # What the imports had no time to judge is left to them for half a minute.
        collector = self.start(store_url=self.store_url())
        until(lambda: collector.json("/v1/attribution")["connections"] >= 5000, "what the imports left")
        asked = time.time()
        until(lambda: collector.json("/v1/freshness")["complete_until_unix_s"] > asked, "complete answers")
        self.assertEqual(collector.json("/v1/attribution")["connections"], 5000)


class Export(Transfer):
    def test_every_connection_comes_out_as_the_interface_counts_it(self):
        collector = self.start()
        collector.post(batch("c", [connection(n, crashed(), "t%d" % n) for n in range(1, 6)], end=200,
                             version='1.0,"x"'))
        collector.post(batch("d", [connection(1, RESET, "u")], version="=cmd()", tags=[("gpu", "a")]))
        self.import_log("gate.csv", lines(4))
        rows = self.export()
        by_cause = {}
        for row in rows:
            by_cause[row["cause"]] = by_cause.get(row["cause"], 0) + int(row["connections"])
        self.assertEqual(by_cause, collector.causes())
        self.assertEqual({row["app_version"] for row in rows}, {'1.0,"x"', "'=cmd()", ""})
        crash = [row for row in rows if row["cause"] == "client_crash"][0]
        self.assertEqual((crash["app_id"], crash["side"], crash["reported"], crash["platform"]),
                         ("game", "client_process", "true", "linux"))
        as_json = [json.loads(line) for line in self.run_collector("export", "--format", "jsonl").stdout.splitlines()]
        self.assertEqual(len(as_json), len(rows))
        self.assertIn("=cmd()", {row["app_version"] for row in as_json})
        self.assertEqual(set(as_json[0]), set(rows[0]))

    def test_filters_are_those_of_the_interface(self):
        self.start().post(batch("d", [connection(1, RESET, "u", endpoint="gate-9")], tags=[("gpu", "a")]))
        self.import_log("gate.csv", lines(6))
        for flags, wanted in [((), 7), (("--filter", "endpoint=gate-0"), 2), (("--filter", "tag:gpu=a"), 1),
                              (("--app-version", "1.0"), 1), (("--filter", "outcome=clean"), 0), (("--app-id", "no"), 0),
                              (("--filter", "from=%d" % (time.time() + 9999)), 0)]:
            rows = self.export(*flags)
            if flags != ("--filter", "outcome=clean"):
                self.assertEqual(len(rows), wanted, flags)
            else:
                self.assertEqual({row["outcome"] for row in rows} - {"clean"}, set())
        self.assertIn("from", self.run_collector("export", "--filter", "from=x", wanted=2).stderr)
        self.assertIn("NAME=VALUE", self.run_collector("export", "--filter", "cause=x", wanted=2).stderr)

    def test_a_full_output_is_told(self):
        self.import_log("gate.csv", lines(6))
        with open("/dev/full", "w") as full:
            run = subprocess.run([base.COLLECTOR, "export", "--store", "sqlite:" + self.path("store.db")], stdout=full,
                                 stderr=subprocess.PIPE, text=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("cannot be written", run.stderr)

    def test_a_store_that_is_not_there_is_not_made(self):
        self.run_collector("export", wanted=1)
        self.assertFalse(os.path.exists(self.path("store.db")))


class Backup(Transfer):
    def test_a_backup_beside_a_running_collector_is_a_store(self):
        collector = self.start()
        for n in range(20):
            collector.post(batch("b%d" % n, [connection(1, RESET, "t%d" % n)]))
        self.run_collector("backup", self.path("copy.db"))
        collector.post(batch("later", [connection(1, RESET, "later")]))
        self.assertIn("exists already", self.run_collector("backup", self.path("copy.db"), wanted=1).stderr)
        copy = self.start(store="copy.db")
        self.assertEqual(copy.json("/v1/attribution")["connections"], 20)
        self.assertEqual(collector.json("/v1/attribution")["connections"], 21)


if __name__ == "__main__":
    end_on_sigterm()
    base.main()
