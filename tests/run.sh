#!/usr/bin/env bash
# Builds and tests everything, in an order that fails early, and ends with a table and a line for machines.
#
# Usage: tests/run.sh [--quick | --full | --windows] [--jobs N] [--no-install]
#   (default)     dev build with warnings as errors and all its tests, release build with the installed package and the
#                 demo, the parts that need it under AddressSanitizer and ThreadSanitizer, and the cross build for
#                 Windows with its tests under Wine
#   --quick       the dev build and its tests only
#   --windows     the cross build for Windows and its tests only
#   --full        the long runs of a release as well: 100,000 kills, two hours of fuzzing, three demos,
#                 the close lab 10 times and at 60 and 200 ms round trip
#   --jobs N      parallel compilations and tests (2)
#   --no-install  do not install missing Debian packages
#
# The last line is "N passed, N failed, N skipped", summed over all phases. Exit code 0: something ran and nothing failed.
# Everything is written to build/, apart from Debian packages, and what the cross build needs: the user's cache folder.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mode=default
jobs=2
install=yes
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) mode=quick ;;
    --full) mode=full ;;
    --windows) mode=windows ;;
    --jobs) jobs="${2:?--jobs needs a number}"; shift ;;
    --no-install) install=no ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) echo "tests/run.sh: unknown option $1; see --help" >&2; exit 2 ;;
  esac
  shift
done

mkdir -p build
passed=0 failed=0 skipped=0
table=()

launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

# row NAME SECONDS PASSED FAILED SKIPPED: adds a phase to the table and to the sums.
row() {
  table+=("$(printf '%-28s %6s s %8s %8s %8s' "$1" "$2" "$3" "$4" "$5")")
  passed=$((passed + $3)) failed=$((failed + $4)) skipped=$((skipped + $5))
}

finish() {
  echo
  printf '%-28s %8s %8s %8s %8s\n' phase time passed failed skipped
  [ ${#table[@]} -eq 0 ] || printf '%s\n' "${table[@]}"
  echo
  echo "$passed passed, $failed failed, $skipped skipped"
  if [ "$failed" -gt 0 ] || [ "$passed" -eq 0 ]; then exit 1; fi
  exit 0
}

# step NAME COMMAND...: counts only when it fails, and then nothing that builds on it can run. For builds.
step() {
  local name="$1" start=$SECONDS
  shift
  echo "== $name"
  if "$@"; then
    row "$name" $((SECONDS - start)) 0 0 0
  else
    row "$name" $((SECONDS - start)) 0 1 0
    return 1
  fi
}

# single NAME COMMAND...: counts as one test.
single() {
  local name="$1" start=$SECONDS
  shift
  echo "== $name"
  if "$@"; then row "$name" $((SECONDS - start)) 1 0 0; else row "$name" $((SECONDS - start)) 0 1 0; fi
}

# attribute FILE NAME: a number of the first element of a JUnit report, 0 if it is not there.
attribute() {
  local value
  value="$(grep -m1 -oE "[[:space:]]$2=\"[0-9]+\"" "$1" 2>/dev/null | grep -oE '[0-9]+')"
  echo "${value:-0}"
}

# tests NAME PRESET CTEST_OPTIONS...: counts every test of the tree that the options select.
tests() {
  local name="$1" preset="$2" start=$SECONDS report="$PWD/build/report-$2.xml" status=0
  shift 2
  echo "== $name"
  rm -f "$report"
  ctest --test-dir "build/$preset" -j"$jobs" --output-on-failure --no-tests=error --output-junit "$report" "$@" || status=$?
  # What a system cannot run says so, a whole test or a case in one.
  sed -nE 's/.*(tests[^ ]*):[0-9]+: MESSAGE: (skipped: .*)/\2 (\1)/p; t; s/.*(skipped: .*)/\1/p' \
    <(sed 's/<system-out>//; s/<.*//; s/&apos;/'"'"'/g; s/&quot;/"/g; s/&amp;/\&/g' "$report") | sort -u
  local all bad skip
  all="$(attribute "$report" tests)"
  bad="$(attribute "$report" failures)"
  skip=$(($(attribute "$report" skipped) + $(attribute "$report" disabled)))
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1 all=$((all + 1)); fi
  row "$name" $((SECONDS - start)) $((all - bad - skip)) "$bad" "$skip"
}

configure() {
  local preset="$1"
  shift
  cmake --preset "$preset" "${launcher[@]}" -DWHYDROP_WARNINGS_AS_ERRORS=ON "$@" \
    >"build/configure-$preset.log" 2>&1 || { cat "build/configure-$preset.log"; return 1; }
}

build() {
  local preset="$1"
  shift
  cmake --build "build/$preset" --parallel "$jobs" "$@"
}

# targets PRESET REGEX: the programs of a tree whose names match, as options of build.
targets() {
  ninja -C "build/$1" -t targets all | sed -n 's/: phony$//p' | grep -xE "$2" | sort -u
}

# The dependencies' build and the Wine prefix are kept between runs: they take minutes and change with the toolchain only.
windows_phases() {
  local cache="${XDG_CACHE_HOME:-$HOME/.cache}/whydrop"
  export WHYDROP_WINDOWS_PREFIX="$cache/windows" WINEPREFIX="$cache/wine"
  if [ "$install" = yes ]; then step "windows: packages" whydrop_install_packages windows || return; fi
  step "windows: dependencies" env WHYDROP_JOBS="$jobs" packaging/windows/build_dependencies.sh "$WHYDROP_WINDOWS_PREFIX" &&
    step "windows: configure" configure windows &&
    step "windows: build" build windows &&
    step "windows32: configure" configure windows32 &&
    step "windows32: build" build windows32 &&
    step "windows: wine" packaging/windows/wine_prefix.sh start || return
  tests "windows: tests" windows
  if [ "$mode" = full ]; then
    single "windows: 20 of each death" packaging/windows/wine_run.sh \
      build/windows/tests/crash/windows/windows_session_death_test.exe 20
    single "windows: 20 log-offs" tests/crash/windows/logoff_test.sh \
      build/windows/tests/crash/windows/windows_logoff_child.exe 20
  fi
  packaging/windows/wine_prefix.sh stop
  single "windows: demo" samples/demo.sh --windows
}

if [ "$install" = yes ] && [ -f packaging/debian-packages.sh ]; then
  # shellcheck source=/dev/null
  . packaging/debian-packages.sh
  step "packages" whydrop_install_packages build demo test || finish
  if [ ${#launcher[@]} -eq 0 ] && command -v ccache >/dev/null; then
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
fi
[ "$mode" = full ] && export WHYDROP_TEST_FULL=1

if [ "$mode" = windows ]; then
  windows_phases
  finish
fi

step "dev: configure" configure dev || finish
tests "dev: architecture" dev -L architecture
step "dev: build" build dev || finish
tests "dev: tests" dev -LE architecture
[ "$mode" = quick ] && finish

# The crash matrices are left out: the sanitizers take the signals that those are about. A worker that stop did not wait
# for is joined by the next start, and by nobody at the end of the process.
export LSAN_OPTIONS="suppressions=$PWD/tests/sanitizers/lsan.supp:print_suppressions=0"
export TSAN_OPTIONS="report_thread_leaks=0"
if step "asan: configure" configure asan; then
  mapfile -t asan_targets < <(targets asan 'tests/(unit|crash|fuzz)/all|samples/collector/all')
  step "asan: build" build asan --target "${asan_targets[@]}" &&
    tests "asan: tests" asan -R '^(unit|fuzz)\.|^crash\.ring_kill$|^e2e\.collector$'
fi

if step "tsan: configure" configure tsan -DWHYDROP_BUILD_SAMPLES=OFF -DWHYDROP_BUILD_TOOLS=OFF; then
  mapfile -t tsan_targets < <(targets tsan '(ring|session|upload)_test')
  step "tsan: build" build tsan --target "${tsan_targets[@]}" && tests "tsan: tests" tsan -R '^unit\.(ring|session|upload)$'
fi

# The demonstration shares this tree and builds it without tests.
if step "release: configure" configure release -DWHYDROP_BUILD_TESTS=ON; then
  mapfile -t release_targets < <(targets release 'whydrop|whydrop_static|whydrop_static_archive|whydrop_tool|whydrop-collector|game_client|game_server|close_lab|whydrop_minimal')
  step "release: build" build release --target "${release_targets[@]}" && tests "release: installed package" release -L consumer
fi

demos=1
[ "$mode" = full ] && demos=3
for run in $(seq "$demos"); do
  [ -x samples/demo.sh ] && single "demo $run" samples/demo.sh
done

windows_phases

if [ "$mode" = full ]; then
  step "full: packages" whydrop_install_packages cluster
  single "store on a cluster" python3 -B samples/collector/tests/store/clickhouse_store_test.py --cluster build/dev/samples/collector/tests/collector_store_test
  single "store on the current engine" python3 -B samples/collector/tests/store/clickhouse_store_test.py --current build/chdb build/dev/samples/collector/tests/collector_store_test
  single "cluster under fire" python3 -B tests/e2e/cluster_fire_test.py --cluster --collector build/release/samples/collector/whydrop-collector
  single "demo on a cluster" samples/demo.sh --cluster
  single "close lab, 10 times" build/release/samples/close_lab/close_lab run --repeat 10
  single "close lab at 60 ms" build/release/samples/close_lab/close_lab run --rtt 60
  single "close lab at 200 ms" build/release/samples/close_lab/close_lab run --rtt 200
  single "100,000 kills" build/dev/tests/crash/ring_kill_test 100000
  single "fuzz: ring reader, 2 h" build/asan/tests/fuzz/ring_reader_fuzz 7200
  single "bench: collector's load" env WHYDROP_BENCH_FULL=1 tests/bench/collector/run.sh
  single "fuzz: batches, 100 M" build/asan/samples/collector/tests/collector_fuzz 100000000
fi
finish
