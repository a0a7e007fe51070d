#!/usr/bin/env bash
# The Windows session ends under a player: the next launch must call it a shutdown of the system, also when somebody
# asked all of the player's windows to close before, as taskkill does. In a Wine prefix of its own, because everybody in
# the prefix is logged off.
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
  state=$work/$run
  mkdir "$state"
  quiet_wine "$child" play "Z:$state" "Z:$state/ready" &
  player=$!
  for ((i = 0; i < 600; ++i)); do
    [[ -e $state/ready ]] && break
    sleep 0.1
  done
  # The player stays: nobody but the SDK has a window in it.
  quiet_wine taskkill /im "$(basename "$child")"
  quiet_wine wineboot --end-session || true
  wait "$player" || true
  "$scripts/wine_run.sh" "$child" report "Z:$state" </dev/null >"$state/report" 2>/dev/null || true
  said=$(tr -d '\r' <"$state/report")
  if [[ $said != "0 system_shutdown" ]]; then
    echo "run $run: the next launch says '$said'"
    failed=$((failed + 1))
  fi
done
echo "$((runs - failed)) of $runs sessions ended as a shutdown"
[[ $failed -eq 0 ]]
