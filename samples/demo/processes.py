"""Programs that the demonstration starts, and ends by their process id."""

import asyncio
import os
import resource
import signal

from engine import BOUND


def _in_child():
    # The crashes are meant; their core files would only fill the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Program:
    """One running program. Its standard output is read line by line, its standard error goes to a file."""

    everyone = []

    def __init__(self, name, process):
        self.name = name
        self.lines = []
        self._process = process
        self._changed = asyncio.Event()
        self._reader = asyncio.ensure_future(self._read())
        Program.everyone.append(self)

    @classmethod
    async def start(cls, name, command, log_dir):
        with open(os.path.join(log_dir, name + ".log"), "ab") as log:
            # A session of its own: Ctrl-C reaches only the driver, which then ends everything in order.
            process = await asyncio.create_subprocess_exec(
                *BOUND, *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
                start_new_session=True, preexec_fn=_in_child)
        return cls(name, process)

    @property
    def pid(self):
        return self._process.pid

    async def _read(self):
        async for line in self._process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip("\r\n"))
            self._changed.set()
        self._changed.set()

    async def line(self, start, timeout_s):
        """The first line that begins with `start`; None when the program ended or the time passed without it."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            found = next((line for line in self.lines if line.startswith(start)), None)
            remaining = deadline - asyncio.get_running_loop().time()
            if found is not None or self._reader.done() or remaining <= 0:
                return found
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), remaining)
            except asyncio.TimeoutError:
                return None

    async def ended(self, timeout_s):
        """True when it ended by itself in time; otherwise it is killed."""
        try:
            await asyncio.wait_for(self._process.wait(), timeout_s)
            await self._reader
            return True
        except asyncio.TimeoutError:
            await self.kill()
            return False

    def signal(self, number):
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def kill(self):
        self.signal(signal.SIGKILL)
        await self._process.wait()
        await self._reader

    @classmethod
    async def kill_everyone(cls):
        await asyncio.gather(*(program.kill() for program in cls.everyone))
        cls.everyone.clear()
