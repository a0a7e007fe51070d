"""Where Windows players run: Wine prefixes of this run only, one for each network, because the server behind a prefix
opens the sockets of all programs in it, in the network that it was started in."""

import asyncio
import os
import shutil

START_S = 120
_SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "windows")
_RUN = os.path.join(_SCRIPTS, "wine_run.sh")
_PREFIX = os.path.join(_SCRIPTS, "wine_prefix.sh")


def windows_path(path):
    """What a program under Wine calls a file of this machine."""
    return "Z:" + path


async def _run(*command):
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL, start_new_session=True)
    try:
        status = await asyncio.wait_for(process.wait(), START_S)
    except asyncio.TimeoutError:
        process.kill()
        status = "no end"
    if status != 0:
        raise RuntimeError(f"`{' '.join(command)}` failed ({status})")


class Prefix:
    def __init__(self, path, inside):
        self._path = path
        self._inside = inside  # what to put before a command so that it runs in the network

    def _command(self, *command):
        return [*self._inside, "env", "WINEPREFIX=" + self._path, *command]

    def program(self, path):
        """How to start a Windows program here."""
        return self._command(_RUN, path)

    async def start(self, base):
        await _run(*self._command(_PREFIX, "clone", base))
        await _run(*self._command(_PREFIX, "start"))

    async def remove(self):
        if os.path.isdir(self._path):
            await _run(*self._command(_PREFIX, "stop"))
            shutil.rmtree(self._path, ignore_errors=True)


class Wine:
    """A prefix for each network. They share the files of one that is kept between runs, and stand beside it."""

    def __init__(self):
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self._base = os.environ.get("WINEPREFIX") or os.path.join(cache, "whydrop", "wine")
        self._prefixes = {}

    async def start(self, networks):
        """`networks`: what to put before a command, by the network's name."""
        if not os.path.exists(os.path.join(self._base, "system.reg")):
            command = ["env", "WINEPREFIX=" + self._base, _PREFIX]
            await _run(*command, "start")
            await _run(*command, "stop")
        self._prefixes = {name: Prefix(f"{self._base}.demo-{os.getpid()}-{name}", inside)
                          for name, inside in networks.items()}
        await asyncio.gather(*(prefix.start(self._base) for prefix in self._prefixes.values()))

    def program(self, network, path):
        return self._prefixes[network].program(path)

    async def stop(self):
        await asyncio.gather(*(prefix.remove() for prefix in self._prefixes.values()), return_exceptions=True)
