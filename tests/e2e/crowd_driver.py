"""A game server with ten thousand real connections over loopback, what they cost it, and the crowd that makes them."""
import os
import resource
import subprocess
import time

import programs

GAME = None  # the folder of game_server and game_crowd
APP = "whydrop-demo"
PLAYERS_A_CROWD = 500
PATIENCE_S = 120
SPARE_DESCRIPTORS = 200  # of a server, beside its players


def most_connections(wanted):
    """As many connections as one process may hold here, at most `wanted`; the limit goes up to what is allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted + SPARE_DESCRIPTORS:
        try:
            hard = wanted + SPARE_DESCRIPTORS
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, PermissionError):
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = wanted + SPARE_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, wanted + SPARE_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return (limit - SPARE_DESCRIPTORS) // PLAYERS_A_CROWD * PLAYERS_A_CROWD


def cpu_ns(path):
    """Time on a processor of one thread of this machine."""
    with open(path + "/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0])


class Program:
    def __init__(self, name, *arguments):
        self.process = programs.start([os.path.join(GAME, name), *arguments], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, text=True)

    def await_line(self, start):
        """The next line; it has to begin with `start`."""
        line = self.process.stdout.readline().rstrip("\n")
        assert line.startswith(start), f"{line!r} instead of {start!r}"
        return line

    def end(self, number=None):
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE_S)
        self.process.stdout.close()
        return code


class Server(Program):
    def __init__(self, state, collector_url, *more, rotate_ms=1000):
        super().__init__("game_server", "--listen", "127.0.0.1:0", "--state-dir", state, "--collector", collector_url,
                         "--rotate-ms", str(rotate_ms), "--silence-ms", str(PATIENCE_S * 1000), *more)
        self.port = int(self.await_line("listening").split()[1])

    def resident_kib(self):
        """Memory of its own, and pages of its files that it has touched."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            found = dict(line.split(":", 1) for line in file)
        return int(found["VmRSS"].split()[0])

    def cpu_s(self):
        """(all threads, the SDK's worker)"""
        tasks = f"/proc/{self.process.pid}/task"
        everyone = worker = 0
        for task in os.listdir(tasks):
            spent = cpu_ns(f"{tasks}/{task}")
            everyone += spent
            with open(f"{tasks}/{task}/comm", encoding="ascii") as file:
                worker += spent if file.read().strip() == "whydrop" else 0
        return everyone / 1e9, worker / 1e9

    def measure(self, seconds):
        """Shares of one core, of all threads and of the SDK's worker, over so many seconds; and resident memory."""
        start, began = self.cpu_s(), time.monotonic()
        time.sleep(seconds)  # what is measured is a span of time
        end, lasted = self.cpu_s(), time.monotonic() - began
        return {"all": (end[0] - start[0]) / lasted, "worker": (end[1] - start[1]) / lasted,
                "resident_kib": self.resident_kib()}


class Crowds:
    """Players in processes of PLAYERS_A_CROWD, each with a state directory of its own."""

    def __init__(self, directory, collector_url, port, players, kicked=0, closed=0, leaving=0, ping_ms=1000):
        self._directory, self._url = directory, collector_url
        self.count = players // PLAYERS_A_CROWD
        self.programs = [
            Program("game_crowd", "--players", str(PLAYERS_A_CROWD), "--token", f"c{n}", "--kicked", str(kicked),
                    "--closed", str(closed), "--leaving", str(leaving), "--ping-ms", str(ping_ms), "--connect",
                    f"127.0.0.1:{port}", *self._common(n)) for n in range(self.count)]

    def _common(self, n):
        return ["--state-dir", os.path.join(self._directory, f"crowd{n}"), "--collector", self._url]

    def await_all(self, start):
        for program in self.programs:
            program.await_line(start)

    def relaunch(self):
        """Each one's next launch uploads; returns the exit codes."""
        launches = [Program("game_crowd", "--relaunch", *self._common(n)) for n in range(self.count)]
        for launch in launches:
            launch.process.stdout.read()
        return [launch.end() for launch in launches]
