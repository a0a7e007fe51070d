#!/usr/bin/env python3
"""Two collectors in front of ClickHouse, of Debian's package, while both and the engine's nodes are killed -9 in turn, for
as long as anything is sent. Every batch is sent until a collector acknowledges it, some to both. At the end the whole
engine is killed, one collector takes the last batches and dies for good, and the other one must find them in its spool: in
the end every connection counts, and counts once.

Without --cluster one node and a few thousand reports; with it two shards of two replicas, 400,000 reports, one node that
stays dead, and one that takes connections and never says a word.
"""
import argparse
import os
import random
import socket
import sys
import tempfile
import threading
import time

import collector_driver as base
from collector_driver import ACCEPTED, CLOSED, DUPLICATE, RESET, Collector, batch, connection, crashed

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "demo"))
from engine import Engine, end_on_sigterm, is_installed  # noqa: E402

SENDERS = 6
COLLECTORS = 2
KILL_EVERY_S = 1
LAST_BATCHES = 5
SETTLE_S = 600
QUIET_LOOKS = 6


class Truth:
    """Groups of connections; of each group a client's batch, a server's batch, or both."""

    def __init__(self, reports, at_once):
        self.at_once = at_once
        self.batches = []
        self.connections = self.reported = self.crashes = 0
        group = 0
        while at_once * len(self.batches) < reports:
            sides = ("client", "server", "both", "both", "both")[group % 5]
            crash = group % 3 == 0
            if sides in ("client", "both"):
                self.batches.append(("client", group, crash))
                self.reported += at_once
                self.crashes += at_once * crash
            if sides in ("server", "both"):
                self.batches.append(("server", group, crash))
            self.connections += at_once
            group += 1
        self.reports = at_once * len(self.batches)

    def body(self, side, group, crash):
        evidence = (crashed() if side == "client" else RESET) if crash else CLOSED
        ends = [connection(n, evidence, token=f"{group}-{n}", is_open=int(crash and side == "client"))
                for n in range(1, self.at_once + 1)]
        return batch(f"{side}-{group}", ends, role=int(side == "server"), end=200 if crash and side == "client" else 0)


class Fire:
    def __init__(self, arguments, directory):
        self.truth = Truth(arguments.reports, arguments.at_once)
        self.engine = Engine(os.path.join(directory, "engine"), shards=2 if arguments.cluster else 0)
        self.directory = directory
        self.random = random.Random(arguments.seed)
        self.collectors = []
        self.left = list(self.truth.batches)
        self.random.shuffle(self.left)
        # The last batches are for the collector that dies with them.
        self.last = [self.left.pop() for _ in range(LAST_BATCHES)]
        self.silent = socket.create_server(("127.0.0.1", 0), backlog=1000) if arguments.cluster else None
        self.victims = [("node", i) for i in range(len(self.engine.nodes))]
        self.victims += [("collector", i) for i in range(COLLECTORS)]
        self.kills = {victim: 0 for victim in self.victims}
        self.kills_each = arguments.kills
        self.kills_wanted = arguments.kills * len(self.victims)
        self.at_first = len(self.left)
        self.changed = threading.Condition()
        self.sent_twice = 0
        self.failures = []

    def start_collector(self):
        silent = [self.silent.getsockname()[1]] if self.silent else []
        url = self.engine.url(more_ports=silent, create=1, block_ms=500, spool=os.path.join(self.directory, "spool"))
        return Collector(self.directory, store_url=url, log=os.path.join(self.directory, "collectors.log"))

    def post_until_acknowledged(self, body, first):
        """To one collector after the other, as a balancer would."""
        for attempt in range(10000):
            try:
                if self.collectors[(first + attempt) % COLLECTORS].post(body) in (ACCEPTED, DUPLICATE):
                    return
            except (OSError, base.http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise AssertionError("no collector takes a batch")

    def next_batch(self):
        """None at the end. What is sent keeps step with the kills, so that every one of them meets some."""
        time.sleep(SENDERS * self.kills_wanted * KILL_EVERY_S / self.at_first)
        with self.changed:
            self.changed.wait_for(lambda: (self.at_first - len(self.left)) * self.kills_wanted <=
                                  self.at_first * (1 + sum(self.kills.values())))
            return self.left.pop() if self.left else None

    def send(self, seed):
        chance = random.Random(seed)
        try:
            for side, group, crash in iter(self.next_batch, None):
                body = self.truth.body(side, group, crash)
                self.post_until_acknowledged(body, chance.randrange(COLLECTORS))
                if chance.random() < 0.1:
                    self.post_until_acknowledged(body, chance.randrange(COLLECTORS))
                    with self.changed:
                        self.sent_twice += 1
        except Exception as error:  # told by the main thread
            self.failures.append(error)

    def kill(self, victim):
        what, number = victim
        with self.changed:
            self.kills[victim] += 1
            self.changed.notify_all()
        if what == "collector":
            self.collectors[number].stop(base.signal.SIGKILL)
        else:
            self.engine.nodes[number].kill()

    def start(self, victim):
        what, number = victim
        if what == "collector":
            self.collectors[number] = self.start_collector()
        else:
            self.engine.nodes[number].start()

    def burn(self):
        """Kills all in turn, in another order each time; a collector also while the node before it is down."""
        down = None
        for _ in range(self.kills_each):
            for victim in self.random.sample(self.victims, len(self.victims)):
                time.sleep(self.random.uniform(0.5, 1.5) * KILL_EVERY_S)
                if down and (victim[0] == "node" or self.random.random() < 0.5):
                    self.start(down)
                    self.engine.wait(self.engine.nodes[down[1]])
                    down = None
                self.kill(victim)
                if victim[0] == "collector":
                    self.start(victim)
                elif down is None:
                    down = victim
        if down:
            self.start(down)
            self.engine.wait(self.engine.nodes[down[1]])

    def lose_the_engine_and_a_collector(self, stays_dead):
        for node in self.engine.nodes:
            node.kill()
        for side, group, crash in self.last:
            assert self.collectors[0].post(self.truth.body(side, group, crash)) == ACCEPTED
        self.collectors.pop(0).stop(base.signal.SIGKILL)
        for node in self.engine.nodes[int(stays_dead):]:
            node.start()

    def answer(self, collector):
        found = collector.json("/v1/attribution?group_by=cause")
        causes = {group["cause"]: group["connections"] for group in found["groups"]}
        return found["connections"], found["reported"], causes.get("client_crash", 0)

    def wait_for_truth(self):
        wanted = (self.truth.connections, self.truth.reported, self.truth.crashes)
        deadline = time.monotonic() + SETTLE_S
        looks, got, fresh = 0, None, 0
        asked = time.time()
        while looks < QUIET_LOOKS:
            for collector in self.collectors:
                try:
                    fresh = collector.json("/v1/freshness")["complete_until_unix_s"]
                    got = self.answer(collector)
                except AssertionError as error:  # the store cannot be read just now
                    got = str(error)
                looks = looks + 1 if got == wanted and fresh > asked else 0
                if isinstance(got, tuple) and any(g > w for g, w in zip(got, wanted)):
                    raise AssertionError(f"something counts twice: {got}, not {wanted}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{got} are connections, reported, crashes; {wanted} were acknowledged")
            time.sleep(1)

    def run(self, stays_dead):
        self.engine.start()
        self.collectors = [self.start_collector() for _ in range(COLLECTORS)]
        started = time.monotonic()
        senders = [threading.Thread(target=self.send, args=(i,)) for i in range(SENDERS)]
        for sender in senders:
            sender.start()
        self.burn()
        for sender in senders:
            sender.join()
        if self.failures:
            raise self.failures[0]
        sent_s = time.monotonic() - started
        self.lose_the_engine_and_a_collector(stays_dead)
        self.wait_for_truth()
        taken_over = self.collectors[0].metrics()["segments_taken_over_total"]
        assert taken_over > 0, "nothing was taken over from the collector that died"
        print(f"{self.truth.reports} reports in {len(self.truth.batches)} batches, {self.sent_twice} of them to both "
              f"collectors or twice to one; kill -9 of " +
              ", ".join(f"{what} {number + 1}: {times}" for (what, number), times in self.kills.items()) +
              ", at the end of all nodes and of a collector that stayed dead" + (", as one node did" if stays_dead else "") +
              f": {self.truth.connections} connections, {self.truth.reported} reported, {self.truth.crashes} crashes, all "
              f"exact. Sent in {sent_s:.0f} s, in the answers after {time.monotonic() - started:.0f} s.")

    def stop(self):
        for collector in self.collectors:
            collector.stop(base.signal.SIGKILL)
        self.engine.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collector", required=True)
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--reports", type=int)
    parser.add_argument("--at-once", type=int, default=100, help="connections in a batch")
    parser.add_argument("--kills", type=int, help="of each node and each collector")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    arguments.reports = arguments.reports or (400000 if arguments.cluster else 10000)
    arguments.kills = arguments.kills or (6 if arguments.cluster else 2)
    base.COLLECTOR = arguments.collector
    if not is_installed(arguments.cluster):
        print("ClickHouse is not installed: packaging/debian-packages.sh, whydrop_install_packages cluster",
              file=sys.stderr)
        return 1
    end_on_sigterm()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="whydrop-fire-") as directory:
        fire = Fire(arguments, directory)
        try:
            fire.run(stays_dead=arguments.cluster)
            return 0
        except AssertionError as error:
            print(f"FAILED: {error}", file=sys.stderr)
            with open(os.path.join(directory, "collectors.log"), encoding="utf-8") as log:
                print(log.read()[-3000:], file=sys.stderr)
            return 1
        finally:
            fire.stop()


if __name__ == "__main__":
    sys.exit(main())
