#!/usr/bin/env bash
# The Windows session ends under a player: the next launch must call it a shutdown of the system, also when somebody
# asked all of the player's windows to close before, as taskkill does. In the first run a second one plays, without a
# window of its own. In a Wine prefix of its own, because everybody in the prefix is logged off.
#
# Usage: logoff_test.sh CHILD.exe [RUNS]
set -euo pipefail

child=${1:?usage: logoff_test.sh CHILD.exe [RUNS]}
runs=${2:-1}
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../packaging/windows" && pwd)
base=${WINEPREFIX:-${XDG_CACHE_HOME:-$HOME/.cache}/whydrop/wine}
export WINEPREFIX="$base.logoff-$$"
work=$(mktemp -d)
finish() {
  "$scripts/wine_prefix.sh" stop || true
  rm -rf "$WINEPREFIX" "$work"
}
trap finish EXIT

quiet_wine() { "$scripts/wine_run.sh" "$@" </dev/null >/dev/null 2>&1; }

"$scripts/wine_prefix.sh" clone "$base"
"$scripts/wine_prefix.sh" start
failed=0
for ((run = 1; run <= runs; ++run)); do
  players=(window)
  [[ $run -gt 1 ]] || players+=(windowless)
  pids=()
  for player in "${players[@]}"; do
    state=$work/$run-$player
    mkdir "$state"
    how=()
    [[ $player != window ]] || how=(window)
    quiet_wine "$child" play "Z:$state" "Z:$state/ready" "${how[@]}" &
    pids+=($!)
  done
  for player in "${players[@]}"; do
    for ((i = 0; i < 1200; ++i)); do
      [[ -e $work/$run-$player/ready ]] && break
      sleep 0.1
    done
  done
  # The players stay.
  quiet_wine taskkill /im "$(basename "$child")"
  quiet_wine wineboot --end-session || true
  wait "${pids[@]}" || true
  for player in "${players[@]}"; do
    state=$work/$run-$player
    "$scripts/wine_run.sh" "$child" report "Z:$state" </dev/null >"$state/report" 2>/dev/null || true
    said=$(tr -d '\r' <"$state/report")
    if [[ $said != "0 system_shutdown" ]]; then
      echo "run $run, $player: the next launch says '$said'"
      failed=$((failed + 1))
    fi
  done
done
echo "$runs times all of the session's players were logged off, $failed of them without a word of it"
[[ $failed -eq 0 ]]
