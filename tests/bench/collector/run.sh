#!/usr/bin/env bash
# Builds the release preset and prints how the collector bears load, as ratios of one run. WHYDROP_BENCH_FULL=1 holds 10,000
# connections for ten minutes instead of one; further arguments go to collector_bench.py.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. packaging/debian-packages.sh
whydrop_install_packages bench
build=build/release
cmake --preset release -DWHYDROP_BUILD_TESTS=ON >/dev/null
cmake --build "$build" --target whydrop-collector collector_load collector_bare_server >/dev/null
hold=60
[ "${WHYDROP_BENCH_FULL:-0}" = 0 ] || hold=600
echo "Load $(cut -d' ' -f1-3 /proc/loadavg) on $(nproc) processors, $(uname -sr)."
echo
exec python3 tests/bench/collector/collector_bench.py --collector "$build/samples/collector/whydrop-collector" \
  --load "$build/tests/bench/collector_load" --bare "$build/tests/bench/collector_bare_server" --hold "$hold" "$@"
