#!/usr/bin/env bash
# Builds whydrop and shows what it is for: some sixty players, each dropped in a known way, and what the collector
# says of each. Takes about half a minute after the build; with --cluster the reports lie in a ClickHouse of two shards
# by two replicas. `samples/demo.sh --help` lists the options.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/release
. "$root/packaging/debian-packages.sh"

if [[ " $* " != *" --help "* && " $* " != *" -h "* ]]; then
  kind=demo
  [[ " $* " != *" --cluster "* ]] || kind=cluster
  whydrop_install_packages "$kind"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  echo "building (the first time takes some minutes) ..."
  if ! (cd "$root" && cmake --preset release -DWHYDROP_BUILD_TESTS=OFF && cmake --build --preset release) >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "demo.sh: the build failed" >&2
    exit 2
  fi
  rm -f "$log"
fi
exec python3 -B "$root/samples/demo/demo.py" --build "$build" "$@"
