#!/usr/bin/env bash
# Builds whydrop and shows what it is for: some sixty players, each dropped in a known way, and what the collector
# says of each. Takes about half a minute after the build; with --cluster the reports lie in a ClickHouse of two shards
# by two replicas, with --windows the players run the game for Windows under Wine. `samples/demo.sh --help` lists the
# options.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/packaging/debian-packages.sh"
export WHYDROP_WINDOWS_PREFIX=${WHYDROP_WINDOWS_PREFIX:-${XDG_CACHE_HOME:-$HOME/.cache}/whydrop/windows}

build() {
  cd "$root"
  cmake --preset release -DWHYDROP_BUILD_TESTS=OFF && cmake --build --preset release || return
  if [[ $windows == yes ]]; then
    packaging/windows/build_dependencies.sh "$WHYDROP_WINDOWS_PREFIX" && cmake --preset windows &&
      cmake --build --preset windows --target game_client
  fi
}

windows=no
if [[ " $* " == *" --windows "* ]]; then windows=yes; fi
if [[ " $* " != *" --help "* && " $* " != *" -h "* ]]; then
  kind=demo
  [[ " $* " != *" --cluster "* ]] || kind=cluster
  whydrop_install_packages "$kind"
  if [[ $windows == yes ]]; then whydrop_install_packages windows; fi
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  echo "building (the first time takes some minutes) ..."
  if ! (build) >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "demo.sh: the build failed" >&2
    exit 2
  fi
  rm -f "$log"
fi
exec python3 -B "$root/samples/demo/demo.py" --build "$root/build/release" --build-windows "$root/build/windows" "$@"
