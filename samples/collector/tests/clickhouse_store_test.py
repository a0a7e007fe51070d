#!/usr/bin/env python3
"""Runs the tests that every store must pass against ClickHouse: one node of Debian's package, or with --cluster two
shards of two replicas. The engine runs in a directory of its own, is started here and ended here."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "demo"))
import engine  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("program", help="collector_store_test, and what it is to be told")
    parser.add_argument("arguments", nargs="*")
    arguments = parser.parse_args()
    if not engine.is_installed(arguments.cluster):
        print("Debian's clickhouse-server" + (" and zookeeper are" if arguments.cluster else " is") + " not installed: "
              "packaging/debian-packages.sh, whydrop_install_packages cluster", file=sys.stderr)
        return 1
    directory = tempfile.mkdtemp(prefix="whydrop-engine-")
    nodes = engine.Engine(os.path.join(directory, "engine"), shards=2 if arguments.cluster else 0)
    try:
        nodes.start()
        url = nodes.url("%", create=1, block_ms=50, spool=os.path.join(directory, "spool-%"))
        return subprocess.run([arguments.program] + arguments.arguments, check=False,
                              env={**os.environ, "WHYDROP_TEST_STORE": url}).returncode
    finally:
        nodes.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
