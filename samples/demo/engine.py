"""ClickHouse for a demonstration or a test: nodes of Debian's package as ordinary processes on loopback, one that stands
alone or shards of replicas with a ZooKeeper, in a directory of their own. Nothing of the system's own service is used.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

SERVER = "/usr/sbin/clickhouse-server"
ZOOKEEPER_JAR = "/usr/share/java/zookeeper.jar"
START_S = 60
FIRST_PORT = 10000
DATABASE = "whydrop"
CLUSTER = "whydrop"

USERS = """<?xml version="1.0"?>
<yandex>
  <profiles><default><max_memory_usage>3000000000</max_memory_usage></default></profiles>
  <users><default><password></password><networks><ip>127.0.0.1</ip></networks>
    <profile>default</profile><quota>default</quota></default></users>
  <quotas><default/></quotas>
</yandex>
"""


# Before a command: it ends when the process that started it does, however that ends.
BOUND = ["setpriv", "--pdeathsig", "KILL"]


class EngineError(RuntimeError):
    pass


def is_installed(cluster=False):
    return os.access(SERVER, os.X_OK) and (not cluster or os.path.exists(ZOOKEEPER_JAR))


def free_ports(count):
    """Ports that nobody has now and that the system gives to nobody by itself, as it does for every connection that is
    opened: who starts there a moment later, or again, still finds them free. They are held together, so that none is given
    twice."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as text:
        lowest, highest = map(int, text.read().split())
    kept_back = [port for port in range(FIRST_PORT, 65536) if not lowest <= port <= highest]
    random.shuffle(kept_back)
    held = []
    try:
        while len(held) < count:
            one = socket.socket()
            try:
                one.bind(("127.0.0.1", kept_back.pop() if kept_back else 0))
                held.append(one)
            except OSError:
                one.close()
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def end_on_sigterm():
    """Whoever is stopped from outside ends and removes first what it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


class Process:
    """A program in a session of its own, ended by its process id; without `outlives` also when this process dies."""

    outlives = False

    def __init__(self, command, directory):
        self._command = command
        self.directory = directory
        self._process = None

    def start(self):
        bound = [] if self.outlives else BOUND
        with open(os.path.join(self.directory, "output"), "ab") as output:
            self._process = subprocess.Popen(bound + self._command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=output,
                                             stderr=output, start_new_session=True)

    @property
    def pid(self):
        return self._process.pid

    def alive(self):
        return self._process is not None and self._process.poll() is None

    def kill(self, number=signal.SIGKILL):
        if self.alive():
            self._process.send_signal(number)
        if self._process is not None:
            self._process.wait()

    def output(self):
        with open(os.path.join(self.directory, "output"), encoding="utf-8", errors="replace") as text:
            return text.read()[-2000:]


class ZooKeeper(Process):
    def __init__(self, directory, port):
        os.makedirs(directory)
        config = os.path.join(directory, "zoo.cfg")
        with open(config, "w", encoding="utf-8") as text:
            text.write(f"tickTime=1000\ndataDir={directory}/data\nclientPort={port}\nclientPortAddress=127.0.0.1\n"
                       "maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=srvr\n")
        self.port = port
        super().__init__(["java", "-Xmx256m", "-cp", "/etc/zookeeper/conf:" + ZOOKEEPER_JAR,
                          "-Dzookeeper.log.dir=" + directory, "-Dzookeeper.root.logger=WARN,CONSOLE",
                          "org.apache.zookeeper.server.quorum.QuorumPeerMain", config], directory)

    def ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as asked:
                asked.sendall(b"srvr")
                return b"Mode:" in asked.recv(4096)
        except OSError:
            return False


class Node(Process):
    def __init__(self, directory, ports, config=""):
        os.makedirs(directory, exist_ok=True)
        self.http, tcp, between = ports
        with open(os.path.join(directory, "users.xml"), "w", encoding="utf-8") as text:
            text.write(USERS)
        with open(os.path.join(directory, "config.xml"), "w", encoding="utf-8") as text:
            text.write(f"""<?xml version="1.0"?>
<yandex>
  <logger><level>warning</level><log>{directory}/log</log><errorlog>{directory}/errors</errorlog></logger>
  <http_port>{self.http}</http_port><tcp_port>{tcp}</tcp_port>
  <interserver_http_port>{between}</interserver_http_port><interserver_http_host>127.0.0.1</interserver_http_host>
  <listen_host>127.0.0.1</listen_host>
  <path>{directory}/data/</path><tmp_path>{directory}/tmp/</tmp_path>
  <users_config>users.xml</users_config><default_profile>default</default_profile>
  <default_database>default</default_database><mark_cache_size>268435456</mark_cache_size>
  <timezone>UTC</timezone>
  {config}
</yandex>
""")
        super().__init__([SERVER, "--config-file=" + os.path.join(directory, "config.xml")], directory)

    def ask(self, sql, timeout=60):
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}/", data=sql.encode())
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.read().decode().rstrip("\n")
        except urllib.error.HTTPError as error:
            raise EngineError(error.read().decode(errors="replace")[:500]) from error

    def ready(self):
        try:
            return self.ask("SELECT 1", timeout=2) == "1"
        except (OSError, EngineError):
            return False


class Engine:
    """shards == 0: one node that stands alone. `outlives`: it may run on when this process has ended."""

    def __init__(self, directory, shards=0, replicas=2, outlives=False):
        self.directory = directory
        self.shards = shards
        os.makedirs(directory, exist_ok=True)
        count = max(1, shards * replicas)
        ports = free_ports(3 * count + 1)
        node_ports = [ports[3 * i:3 * i + 3] for i in range(count)]
        self.zookeeper = ZooKeeper(os.path.join(directory, "zookeeper"), ports[-1]) if shards else None
        self.nodes = []
        for i in range(count):
            config = self._cluster_config(i, node_ports, replicas) if shards else ""
            self.nodes.append(Node(os.path.join(directory, f"node{i + 1}"), node_ports[i], config))
        for process in self.processes():
            process.outlives = outlives

    def _cluster_config(self, number, node_ports, replicas):
        shards = ""
        for first in range(0, len(node_ports), replicas):
            members = "".join(f"<replica><host>127.0.0.1</host><port>{tcp}</port></replica>"
                              for _, tcp, _ in node_ports[first:first + replicas])
            shards += f"<shard><internal_replication>true</internal_replication>{members}</shard>"
        return (f"<remote_servers><{CLUSTER}>{shards}</{CLUSTER}></remote_servers>"
                f"<zookeeper><node><host>127.0.0.1</host><port>{self.zookeeper.port}</port></node>"
                "<session_timeout_ms>6000</session_timeout_ms></zookeeper>"
                f"<macros><shard>{number // replicas + 1}</shard><replica>{number + 1}</replica></macros>"
                "<distributed_ddl><path>/clickhouse/task_queue/ddl</path></distributed_ddl>")

    def start(self):
        """Returns when every node answers. Raises EngineError, and leaves nothing running."""
        try:
            if self.zookeeper:
                self.zookeeper.start()
                self._wait(self.zookeeper)
            for node in self.nodes:
                node.start()
            for node in self.nodes:
                self._wait(node)
        except BaseException:
            self.stop()
            raise
        return self

    @staticmethod
    def _wait(process):
        deadline = time.monotonic() + START_S
        while not process.ready():
            if not process.alive() or time.monotonic() > deadline:
                raise EngineError(f"{process.directory} did not start: {process.output()}")
            time.sleep(0.05)

    def wait(self, node):
        self._wait(node)

    def url(self, database=DATABASE, more_ports=(), **options):
        """As whydrop-collector's --store takes it; `more_ports` are of nodes that are none."""
        if self.shards:
            options["cluster"] = CLUSTER
        hosts = ",".join(f"127.0.0.1:{port}" for port in [*more_ports, *(node.http for node in self.nodes)])
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"clickhouse:http://{hosts}/{database}" + ("?" + query if query else "")

    def processes(self):
        return self.nodes + ([self.zookeeper] if self.zookeeper else [])

    def stop(self):
        for process in self.processes():
            process.kill()

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
