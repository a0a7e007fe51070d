"""The collector and the game servers, and the questions the collector answers."""

import asyncio
import json
import os
import re
import signal
import subprocess
import time
import urllib.parse
import urllib.request

from engine import BOUND
from processes import Program

START_S = 60
STOP_S = 90
SETTLE_S = 120
APP_ID = "whydrop-demo"


class Collector:
    """Writes to a file and not to the driver, so that it can outlive it; it does with `outlives`."""

    def __init__(self, binary, directory, log_dir, store=None, outlives=False):
        self._log = os.path.join(log_dir, "collector.log")
        self.store = store or "sqlite:" + os.path.join(directory, "whydrop.db")
        command = [binary, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--store", self.store]
        with open(self._log, "wb") as log:
            bound = [] if outlives else BOUND
            self._process = subprocess.Popen(bound + command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             start_new_session=True)
        self.pid = self._process.pid
        self.ingest = self.admin = None

    async def ready(self):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with open(self._log, encoding="utf-8", errors="replace") as log:
                found = dict(re.findall(r"\b(ingest|admin)=(\S+)", log.read()))
            if len(found) == 2:
                self.ingest, self.admin = found["ingest"], found["admin"]
                return
            await asyncio.sleep(0.05)
        raise RuntimeError(f"the collector did not start; see {self._log}")

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, path, **parameters):
        return self.ask_plain(path + "?" + urllib.parse.urlencode({"app_id": APP_ID, **parameters}))

    def ask_plain(self, path):
        with urllib.request.urlopen(self.admin + path, timeout=20) as answer:
            return json.load(answer)

    def connection(self, token):
        """What the collector knows of the connection with this token, None if nothing."""
        found = self.ask("/v1/connections", token=token)["connections"]
        return found[0] if found else None

    async def settled(self):
        """Returns when the answers know everything that was acknowledged until now."""
        wanted = time.time()
        deadline = time.monotonic() + SETTLE_S
        while self.ask_plain("/v1/freshness")["complete_until_unix_s"] < wanted:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the store does not get all reports into its answers; see {self._log}")
            await asyncio.sleep(0.1)

    def attribution(self):
        return self.ask("/v1/attribution", group_by="cause,side,server_error")


class GameServer:
    def __init__(self, binary, endpoint, host, directory, log_dir, ingest):
        self.endpoint = endpoint
        self._log_dir = log_dir
        self._command = [binary, "--listen", host + ":0", "--endpoint", endpoint, "--rotate-ms", "1000",
                         "--state-dir", os.path.join(directory, "servers", endpoint), "--collector", ingest]
        self._starts = 0
        self.program = None
        self.port = None

    async def start(self):
        self._starts += 1
        self.program = await Program.start(f"{self.endpoint}.{self._starts}", self._command, self._log_dir)
        line = await self.program.line("listening", START_S)
        if line is None:
            raise RuntimeError(f"game server {self.endpoint} did not start; see {self._log_dir}")
        self.port = int(line.split()[1])

    async def stop(self):
        """Ends it in order. False when it had to be killed or could not upload."""
        self.program.signal(signal.SIGTERM)
        return await self.program.ended(STOP_S)
