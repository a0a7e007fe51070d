"""One player: a first launch that ends as its scenario wants, and a second one that tells of it."""

import asyncio
import glob
import os
import secrets
import shutil

import scenarios
from processes import Program

# Longer than any scenario lasts on a busy machine; a player that reaches it has failed.
PATIENCE_S = 90
# The main loop must have stood still for 5 s to be called a hang.
HANG_S = 7


class Player:
    def __init__(self, scenario, index, place):
        self.scenario = scenario
        self.name = f"{scenario.name}-{index}"
        # Alternating also where there is one player of each.
        self.unread = scenario.unread and (scenarios.SCENARIOS.index(scenario) + index) % 2 == 1
        self.token = f"{self.name}-{secrets.token_hex(8)}"
        self.state_dir = os.path.join(place.directory, "players", self.name)
        self.trouble = None  # why the scenario did not come about, if it did not
        self.said = ""  # the client's own verdict at the time
        self.last_session = ""  # what the next launch says
        self._place = place
        self._program = None

    def _command(self, program, *arguments):
        command = [*program, "--state-dir", self._place.path(self.state_dir), "--collector", self._place.ingest,
                   *arguments]
        return command if self.scenario.consent else command + ["--deny-consent"]

    async def launch(self):
        """Returns when the player plays, or has met its end before."""
        os.makedirs(self.state_dir)
        arguments = ["--scenario", self.scenario.name, "--token", self.token, "--endpoint", self._place.endpoint,
                     "--connect", self._place.address, "--network", self._place.network]
        command = self._command(self._place.program, *arguments, *(["--unread"] if self.unread else []))
        self._program = await Program.start(self.name, command, self._place.log_dir)
        if self.scenario.place != scenarios.NOWHERE and await self._program.line("playing", PATIENCE_S) is None:
            self.trouble = "never got to play: " + ("; ".join(self._program.lines) or "no word")

    async def end(self):
        program, ends = self._program, self.scenario.ends
        if ends == scenarios.HUNG and await program.line("hanging", PATIENCE_S) is not None:
            await asyncio.sleep(HANG_S)
        if ends == scenarios.FROZEN:
            await program.line("ended", PATIENCE_S)
        if ends != scenarios.ITSELF:
            await program.kill()
        elif not await program.ended(PATIENCE_S):
            self.trouble = self.trouble or "did not end by itself"
        ended = await program.line("ended", 0)
        self.said = ended.split()[-1] if ended else ""

    async def relaunch(self, rings_dir):
        """The next start of the same game, at home and with a network: it uploads."""
        for ring in glob.glob(os.path.join(self.state_dir, "*", "*.ring")):
            shutil.copy(ring, os.path.join(rings_dir, self.name + ".ring"))
        program = await Program.start(self.name + ".relaunch", self._command(self._place.program_at_home, "--relaunch"),
                                      self._place.log_dir)
        if not await program.ended(PATIENCE_S):
            self.trouble = self.trouble or "the next launch did not end"
        self.last_session = "; ".join(program.lines)
        if "flush: 0" not in program.lines:
            self.trouble = self.trouble or f"the next launch could not upload ({self.last_session})"

    def files(self):
        """What the game left on this player's disk."""
        return [name for _, _, names in os.walk(self.state_dir) for name in names]
