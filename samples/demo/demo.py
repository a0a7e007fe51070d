"""Plays many short games on this machine, ends each in a known way, and compares whydrop's verdicts with the truth.

Started by samples/demo.sh, which builds what it needs. Needs Python 3.9 and nothing beside its standard library.
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Callable

import scenarios
from backend import Collector, GameServer
from engine import Engine
from network import Network, NetworkUnavailable
from players import Player
from processes import Program
from report import Progress, judge, print_result
from wine import Wine, windows_path

RELAUNCHES_AT_ONCE = 8


@dataclass
class Place:
    """Where and how a player's programs run."""

    program: list  # how the game is started there
    program_at_home: list
    path: Callable[[str], str]  # what the game calls a file of this machine
    directory: str
    log_dir: str
    ingest: str
    endpoint: str
    address: str
    network: str


class Experiment:
    def __init__(self, arguments, directory, progress):
        self._arguments = arguments
        self._progress = progress
        self._network = Network()
        self._wine = Wine() if arguments.windows else None
        self._closed_port = None
        self._turns = asyncio.Semaphore(RELAUNCHES_AT_ONCE)
        self.directory = directory
        self.log_dir = os.path.join(directory, "logs")
        self.rings_dir = os.path.join(directory, "rings")
        self.engine = None
        self.collector = None
        self.servers = {}
        self.players = []
        self.skipped = []

    async def run(self):
        os.makedirs(self.log_dir)
        os.makedirs(self.rings_dir)
        self._open_network()
        if self._wine is not None:
            self._progress.step("starting Wine")
            networks = [] if self.skipped else scenarios.NETWORKS
            await self._wine.start({scenarios.HOME: [], **{name: self._network.inside(name) for name in networks}})
        await self._start_servers()
        self._make_players()
        await self._count("players connected", [player.launch() for player in self.players])
        await self._end_games()
        await self._stop_servers()
        await self._count("launched again", [self._relaunch(player) for player in self.players])
        self._progress.step("asking the collector")
        await self.collector.settled()
        return self.collector.attribution(), [
            judge(player, self.collector.connection(player.token), self._arguments.windows)
            for player in self.players]

    async def close(self, keep_collector):
        if self._wine is not None:
            await self._wine.stop()
        self._network.close()
        if self._closed_port is not None:
            self._closed_port.close()
        if self.collector is not None and not keep_collector:
            self.collector.stop()
        if self.engine is not None and not keep_collector:
            self.engine.stop()

    def _open_network(self):
        try:
            self._network.open()
        except (NetworkUnavailable, OSError) as error:
            self.skipped = [entry.name for entry in scenarios.SCENARIOS if entry.place in scenarios.NETWORKS]
            self._progress.clear()
            print(f"No network namespaces here ({error}).\nSkipped: {', '.join(self.skipped)}", flush=True)

    def _start_engine(self):
        """Two shards of two replicas and a ZooKeeper; the tables come from the collector's own command."""
        self._progress.step("starting a ClickHouse cluster: 2 shards of 2 replicas, and a ZooKeeper")
        self.engine = Engine(os.path.join(self.directory, "engine"), shards=2,
                             outlives=self._arguments.keep).start()
        store = self.engine.url(spool=os.path.join(self.directory, "spool"), block_ms=200)
        subprocess.run([self._arguments.collector, "schema", "--apply", "--store", store], check=True)
        return store

    async def _start_servers(self):
        store = self._start_engine() if self._arguments.cluster else None
        self.collector = Collector(self._arguments.collector, self.directory, self.log_dir, store,
                                   outlives=self._arguments.keep)
        await self.collector.ready()
        hosts = {scenarios.HOME: "127.0.0.1", scenarios.MORTAL: "127.0.0.1", scenarios.FRAGILE: "127.0.0.1"}
        if not self.skipped:
            hosts.update({place: self._network.server_address for place in scenarios.NETWORKS})
        for place, host in hosts.items():
            self.servers[place] = GameServer(self._arguments.game_server, f"gate-{place}", host, self.directory,
                                             self.log_dir, self.collector.ingest)
            await self.servers[place].start()
        # Bound but not listening: the one port that surely refuses.
        self._closed_port = socket.socket()
        self._closed_port.bind(("127.0.0.1", 0))

    def _place(self, name):
        if name == scenarios.NOWHERE:
            endpoint, address = "gate-nowhere", f"127.0.0.1:{self._closed_port.getsockname()[1]}"
        else:
            host = self._network.server_address if name in scenarios.NETWORKS else "127.0.0.1"
            endpoint, address = self.servers[name].endpoint, f"{host}:{self.servers[name].port}"
        network = f"isp-{name}" if name in scenarios.NETWORKS else "loopback"
        return Place(self._program(name), self._program(scenarios.HOME), windows_path if self._wine else str,
                     self.directory, self.log_dir, self.collector.ingest, endpoint, address, network)

    def _program(self, place):
        inside = place in scenarios.NETWORKS
        if self._wine is not None:
            return self._wine.program(place if inside else scenarios.HOME, self._arguments.game_client)
        return [*(self._network.inside(place) if inside else []), self._arguments.game_client]

    def _make_players(self):
        for scenario in scenarios.SCENARIOS:
            if scenario.name in self.skipped:
                continue
            place = self._place(scenario.place)
            count = 1 if scenario.alone else self._arguments.players
            self.players += [Player(scenario, index, place) for index in range(count)]

    async def _count(self, text, steps):
        tasks = [asyncio.ensure_future(step) for step in steps]
        try:
            for done, task in enumerate(asyncio.as_completed(tasks), start=1):
                await task
                self._progress.count(text, done, len(tasks))
        finally:
            # After an interruption no task may go on and start another program.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _end_games(self):
        """Everything that must happen from outside, then the wait for all but those who stay until the server goes."""
        if not self.skipped:
            self._network.pull_cable()
            self._network.lose_path()
        await self.servers[scenarios.MORTAL].program.kill()
        leaving = [player for player in self.players if player.scenario.name != "server_shutdown"]
        await self._count("games ended", [player.end() for player in leaving])

    async def _stop_servers(self):
        self._progress.step("stopping the game servers")
        # The new process of a server that died is what reports the old one's connections.
        for place in (scenarios.MORTAL, scenarios.FRAGILE):
            await self.servers[place].program.kill()
            await self.servers[place].start()
        staying = [player for player in self.players if player.scenario.name == "server_shutdown"]
        stopped = await asyncio.gather(*(server.stop() for server in self.servers.values()))
        await asyncio.gather(*(player.end() for player in staying))
        if not all(stopped):
            raise RuntimeError(f"a game server did not end in time; see {self.log_dir}")

    async def _relaunch(self, player):
        async with self._turns:
            await player.relaunch(self.rings_dir)


def print_where(experiment, tool):
    """Where to look on, when everything was kept."""
    collector = experiment.collector
    engine = ""
    if experiment.engine is not None:
        pids = " ".join(str(process.pid) for process in experiment.engine.processes())
        engine = f"kill -9 {pids}; sleep 1; "
    print(f"""
Kept for a look:
  one dead player's ring   {tool} inspect {experiment.rings_dir}/segfault_main-0.ring
  the store                {collector.store}
  the page and the API     {collector.admin}/   {collector.admin}/v1/attribution?group_by=cause,side,server_error
  everything else          {experiment.directory}
To end it: kill {collector.pid}; tail --pid={collector.pid} -f /dev/null; {engine}rm -r {experiment.directory}""")


async def run_once(arguments, progress, keep):
    """True when every verdict was right and nothing was skipped that must not be."""
    directory = tempfile.mkdtemp(prefix="whydrop-demo-")
    experiment = Experiment(arguments, directory, progress)
    started = time.monotonic()
    kept = False
    try:
        attribution, verdicts = await experiment.run()
        progress.clear()
        right = print_result(attribution, verdicts, arguments.windows)
        print(f"Took {time.monotonic() - started:.0f} s.")
        if experiment.skipped and not arguments.allow_skip:
            print("Not everything was shown: --allow-skip accepts that.")
        kept = keep
        if kept:
            print_where(experiment, arguments.tool)
        return right and (arguments.allow_skip or not experiment.skipped)
    finally:
        await Program.kill_everyone()
        await experiment.close(kept)
        if not kept:
            shutil.rmtree(directory, ignore_errors=True)


async def run_all(arguments):
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, asyncio.current_task().cancel)
    progress = Progress()
    right = 0
    for run in range(1, arguments.runs + 1):
        if arguments.runs > 1:
            print(f"\nRun {run} of {arguments.runs}", flush=True)
        right += await run_once(arguments, progress, arguments.keep and run == arguments.runs)
    if arguments.runs > 1:
        print(f"\n{right} of {arguments.runs} runs without a wrong verdict.")
    return right == arguments.runs


def parse(words):
    parser = argparse.ArgumentParser(prog="samples/demo.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--players", type=int, metavar="N",
                        help="players of each scenario (3; with --windows 1, because one thread of Wine serves them all)")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="how often to do it all (1)")
    parser.add_argument("--keep", action="store_true", help="leave the collector running and all files in place")
    parser.add_argument("--cluster", action="store_true",
                        help="keep everything in a ClickHouse cluster on this machine, which is started and removed")
    parser.add_argument("--allow-skip", action="store_true",
                        help="succeed although scenarios that need network namespaces were skipped")
    parser.add_argument("--windows", action="store_true", help="the players run the game for Windows, under Wine")
    parser.add_argument("--build", required=True, metavar="DIR", help=argparse.SUPPRESS)
    parser.add_argument("--build-windows", metavar="DIR", help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.players is None:
        arguments.players = 1 if arguments.windows else 3
    for name, path in {"game_client": "samples/game/game_client", "game_server": "samples/game/game_server",
                       "collector": "samples/collector/whydrop-collector", "tool": "sdk/tools/whydrop"}.items():
        setattr(arguments, name, os.path.join(os.path.abspath(arguments.build), path))
    if arguments.windows:
        arguments.game_client = os.path.join(os.path.abspath(arguments.build_windows), "samples/game/game_client.exe")
    missing = [path for path in (arguments.game_client, arguments.game_server, arguments.collector)
               if not os.access(path, os.X_OK)]
    if missing:
        parser.error("not built: " + ", ".join(missing))
    return arguments


def main():
    arguments = parse(sys.argv[1:])
    try:
        return 0 if asyncio.run(run_all(arguments)) else 1
    except asyncio.CancelledError:
        print("\nInterrupted; everything that was started is gone.", file=sys.stderr)
        return 130
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        print(f"\nThe demonstration could not go on: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
