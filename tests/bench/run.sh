#!/usr/bin/env bash
# Builds the release preset, runs every benchmark and prints one Markdown table. The figures are ratios measured in this
# run wherever a ratio says more than nanoseconds; they are no test and judge nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
. packaging/debian-packages.sh
whydrop_install_packages bench
build=build/release
cmake --preset release -DWHYDROP_BUILD_TESTS=ON >/dev/null
cmake --build "$build" --target whydrop record_bench session_bench wire_bench game_server game_crowd whydrop-collector >/dev/null

results=$(mktemp -d)
trap 'rm -r "$results"' EXIT
"$build"/tests/bench/record_bench >"$results/record"
"$build"/tests/bench/session_bench >"$results/session"
"$build"/tests/bench/wire_bench >"$results/wire"
python3 tests/bench/server_bench.py "$build" >"$results/server"
strip -o "$results/library" "$build"/sdk/libwhydrop.so

# figure FILE PATTERN: what the first group of the pattern matches in the file, or "not measured".
figure() {
  local found
  found=$(sed -nE "s/.*$2.*/\1/p" "$results/$1" | head -n 1)
  echo "${found:-not measured}"
}
row() { echo "| $1 | $2 | $3 |"; }
number='([0-9.]+)'
# A row of record_bench: nanoseconds and multiples of F with one thread, then with two.
one_thread="^%s +[0-9.]+ ns +$number F"
two_threads="^%s +[0-9.]+ ns +[0-9.]+ F +[0-9.]+ ns +$number F"
times_f() { figure record "$(printf "$1" "$2")"; }

echo "Load $(cut -d' ' -f1-3 /proc/loadavg) on $(nproc) processors, $(uname -sr)."
echo "F: $(figure record "^F, the floor +$number ns") ns with one thread, $(figure record "^F, the floor.* $number ns +1.00 F$") ns with two."
echo
row "what" "measured" "aim"
row "---" "---" "---"
row "event, one thread (flow ring)" "$(times_f "$one_thread" RecordFlow) F" "1.6 F"
row "event, two threads (flow ring)" "$(times_f "$two_threads" RecordFlow) F" "1.2 F"
row "rare event, one thread (key ring)" "$(times_f "$one_thread" 'RecordKey \(one filling\)') F" "1.6 F"
row "beside it: write(2) of 64 bytes" "$(times_f "$one_thread" 'write\(2\) of 64 bytes') F" ""
row "beside it: spdlog, flush each event" "$(times_f "$one_thread" 'spdlog, flush each event') F" ""
row "beside it: SQLite WAL, one insert" "$(times_f "$one_thread" 'SQLite WAL, one insert each') F" ""
row "conn_sent" "$(figure session "conn_sent: $number ns") ns, $(figure session "ratios $number and") of a bare atomic add" "5 ns"
row "conn_received" "$(figure session "conn_received: $number ns") ns, $(figure session "ratios .* and $number") of a bare atomic add" "5 ns"
row "heartbeat" "$(figure session "heartbeat: .* ratio $number") coarse clock reads" "1"
row "start" "$(figure session "start: $number us") us, $(figure session "start: .* ratio $number") of open, allocate, map and handlers" "110 us, 2"
row "recovery scan" "$(figure record "^recovery scan of a full ring +$number us") us/MiB" "130 us/MiB"
row "library, stripped" "$((($(stat -c %s "$results/library") + 500) / 1000)) kB" "96 kB"
row "memory before an upload (256 KiB of it the ring)" "$(figure session "written $number KiB") KiB written, $(figure session "session: $number KiB") KiB with the pages of libraries" "320 KiB"
row "a session on the wire ($(figure wire ", $number connections") connections, $(figure wire ", $number records") records)" "$(figure wire "wire: $number bytes") bytes" ""
row "server, $(figure server "server: $number open") open connections, a report a second: processor time" "$(figure server "ratio $number") of the server without it" ""
row "its worker thread" "$(figure server "worker: $number %") % of a core, $(figure server "core, $number ms") ms a report" ""
row "its memory (32 MiB of it the ring)" "$(figure server "memory: $number MiB") MiB, $(figure server ", $number bytes each") bytes a connection" ""
