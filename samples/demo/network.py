"""Two households behind a router, made of network namespaces: one loses its cable, one its way.

    this machine --- router --- cable
                        `------ path
"""

import os
import subprocess

from scenarios import CABLE, PATH


class NetworkUnavailable(Exception):
    """Namespaces cannot be made here; the text says why."""


def _run(*command):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise NetworkUnavailable(f"`{' '.join(command)}`: {result.stderr.strip() or result.returncode}")
    return result.stdout


class Network:
    """Everything is named after the driver's process id, so that two drivers do not meet."""

    def __init__(self):
        pid = os.getpid()
        self._router = f"wd{pid}r"
        self._households = {CABLE: f"wd{pid}c", PATH: f"wd{pid}p"}
        self._uplink = f"wd{pid}u"
        self.server_address = None

    def open(self):
        if os.geteuid() != 0:
            raise NetworkUnavailable("only root can make network namespaces")
        net = self._free_network()
        for name in (self._router, *self._households.values()):
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        self.server_address = net + "1"
        # Made inside the router's namespace and moved out, so that no other program on this machine sees it half made.
        _run("ip", "link", "add", self._uplink, "type", "veth", "peer", "name", "up0", "netns", self._router)
        _run("ip", "address", "add", net + "1/30", "dev", self._uplink)
        _run("ip", "link", "set", self._uplink, "up")
        _run("ip", "-n", self._router, "address", "add", net + "2/30", "dev", "up0")
        _run("ip", "-n", self._router, "link", "set", "up0", "up")
        _run("ip", "route", "add", net + "0/24", "via", net + "2")
        for index, (kind, name) in enumerate(self._households.items(), start=1):
            self._add_household(name, kind, net, 4 * index)
        self._forward(True)

    def _add_household(self, name, device, net, first):
        router_side, own_side = f"{net}{first + 1}", f"{net}{first + 2}"
        _run("ip", "-n", self._router, "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", name)
        _run("ip", "-n", self._router, "address", "add", router_side + "/30", "dev", device)
        _run("ip", "-n", self._router, "link", "set", device, "up")
        _run("ip", "-n", name, "address", "add", own_side + "/30", "dev", "eth0")
        _run("ip", "-n", name, "link", "set", "eth0", "up")
        _run("ip", "-n", name, "route", "add", "default", "via", router_side)

    @staticmethod
    def _free_network():
        """A /24 of the range that is set aside for benchmarks, which no other route uses."""
        used = _run("ip", "route", "show", "table", "all")
        for third in range(256):
            net = f"198.18.{(os.getpid() + third) % 256}."
            if net not in used:
                return net
        raise NetworkUnavailable("no part of 198.18.0.0/16 is free")

    def _forward(self, wanted):
        _run("ip", "netns", "exec", self._router, "sh", "-c",
             f"echo {int(wanted)} > /proc/sys/net/ipv4/ip_forward")

    def inside(self, kind):
        """What to put before a command so that it runs in that household."""
        return ["ip", "netns", "exec", self._households[kind]]

    def pull_cable(self):
        _run("ip", "-n", self._router, "link", "set", CABLE, "down")

    def lose_path(self):
        # A router that does not forward drops without a word: no ICMP message tells either end.
        self._forward(False)

    def close(self):
        """Removes whatever exists; deleting a namespace deletes its links and, with them, the route."""
        for name in (*self._households.values(), self._router):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", self._uplink], capture_output=True, check=False)
