#!/usr/bin/env python3
"""Makes a large store larger without sending every report: what store_bench filled in through the collector's own writer
is repeated in later days, rows and counts alike, until there are as many connections as asked for. The repeated
connections have no records, so they are counted and listed but have no time line.

Usage: extend_store.py FILE [CONNECTIONS]      10,000,000 unless said otherwise
"""
import sqlite3
import sys
import time

DAY_S = 86400


def columns(db, table, *without):
    return [row[1] for row in db.execute("PRAGMA table_info(%s)" % table) if row[1] not in without]


def repeat(db, days, of_days, begin_s):
    """Repeats the first `of_days` days from `begin_s` on, `days` days later."""
    until_s = begin_s + of_days * DAY_S
    ids = db.execute("SELECT max(id) FROM sessions").fetchone()[0]
    own = columns(db, "sessions", "id", "session_id", "started_s", "ended_s")
    db.execute("INSERT INTO sessions (id, session_id, started_s, ended_s, %s) SELECT id + ?, randomblob(16), started_s + ?, "
               "ended_s + ?, %s FROM sessions WHERE ended_s >= ? AND ended_s < ? AND role = 0" % ((", ".join(own),) * 2),
               (ids, days * DAY_S, days * DAY_S, begin_s, until_s))
    own = columns(db, "connections", "id", "record", "session", "at_s", "decided_s")
    db.execute("INSERT INTO connections (session, at_s, decided_s, %s) SELECT session + ?, at_s + ?, 0, %s FROM connections "
               "WHERE at_s >= ? AND at_s < ?" % ((", ".join(own),) * 2), (ids, days * DAY_S, begin_s, until_s))
    own = columns(db, "counts", "bucket", "count")
    db.execute("INSERT INTO counts (bucket, count, %s) SELECT bucket + ? * 24 / hours, count, %s FROM counts "
               "WHERE bucket * hours >= ? AND bucket * hours < ? ON CONFLICT (%s, bucket) DO UPDATE SET count = count + "
               "excluded.count" % ((", ".join(own),) * 3), (days, begin_s // 3600, until_s // 3600))


def main():
    db = sqlite3.connect(sys.argv[1], isolation_level=None)
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 10000000
    db.execute("PRAGMA cache_size = -262144")
    begin_s, end_s, there = db.execute("SELECT min(at_s), max(at_s) + 1, sum(count) FROM connections WHERE kind < 2").fetchone()
    begin_s -= begin_s % DAY_S
    days = -(-(end_s - begin_s) // DAY_S)
    by_day = db.execute("SELECT (at_s - ?) / 86400, sum(count) FROM connections WHERE kind < 2 GROUP BY 1 ORDER BY 1",
                        (begin_s,)).fetchall()
    began = time.monotonic()
    round_ = 1
    while there < wanted:
        of_days, more = 0, 0
        for day, count in by_day:
            if there + more >= wanted:
                break
            of_days, more = day + 1, more + count
        db.execute("BEGIN IMMEDIATE")
        repeat(db, round_ * days, of_days, begin_s)
        db.execute("COMMIT")
        there += more
        round_ += 1
    counted, rows = (db.execute("SELECT sum(count) FROM " + table).fetchone()[0] for table in (
        "counts WHERE facet = 0 AND hours = 24 AND kind < 3", "connections"))
    print("%d connections, made in %.0f s; counts hold %d, rows %d" % (there, time.monotonic() - began, counted, rows))
    return 0 if counted == rows else 1


if __name__ == "__main__":
    sys.exit(main())
