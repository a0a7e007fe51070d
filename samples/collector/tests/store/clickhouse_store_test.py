#!/usr/bin/env python3
"""Runs the tests that every store must pass against ClickHouse: one node of Debian's package, or with --cluster two
shards of two replicas, or with --current PACKAGES the current engine as a library, which npm installs in that directory.
The engine runs in a directory of its own, is started here and ended here."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "demo"))
import current_engine  # noqa: E402
import engine  # noqa: E402


CHDB = "@chdb/lib-linux-x64-gnu@26.5.3"


def run(arguments, url):
    # A stop may come before there is anything of it that could be ended by name.
    return subprocess.run(engine.BOUND + [arguments.program] + arguments.arguments, check=False,
                          env={**os.environ, "WHYDROP_TEST_STORE": url}).returncode


def run_on_current(arguments, directory):
    if not os.path.exists(os.path.join(arguments.current, current_engine.LIBRARY)):
        os.makedirs(arguments.current, exist_ok=True)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", arguments.current, CHDB],
                       check=True)
    server = subprocess.Popen(engine.BOUND + [sys.executable, "-B", current_engine.__file__, arguments.current,
                               os.path.join(directory, "engine")], stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().split()[1]
        return run(arguments, f"clickhouse:http://127.0.0.1:{port}/%?create=1&block_ms=50&spool={directory}/spool-%")
    finally:
        server.kill()
        server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--current", metavar="PACKAGES")
    parser.add_argument("program", help="collector_store_test, and what it is to be told")
    parser.add_argument("arguments", nargs="*")
    arguments = parser.parse_args()
    engine.end_on_sigterm()
    if arguments.current:
        with tempfile.TemporaryDirectory(prefix="whydrop-engine-") as directory:
            return run_on_current(arguments, directory)
    if not engine.is_installed(arguments.cluster):
        print("Debian's clickhouse-server" + (" and zookeeper are" if arguments.cluster else " is") + " not installed: "
              "packaging/debian-packages.sh, whydrop_install_packages cluster", file=sys.stderr)
        return 1
    directory = tempfile.mkdtemp(prefix="whydrop-engine-")
    nodes = engine.Engine(os.path.join(directory, "engine"), shards=2 if arguments.cluster else 0)
    try:
        nodes.start()
        url = nodes.url("%", create=1, block_ms=50, spool=os.path.join(directory, "spool-%"))
        return run(arguments, url)
    finally:
        nodes.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
