#!/usr/bin/env bash
# Makes samples/collector/page/page.png: the collector's page as headless Chromium shows it. Fails if the page logs an error.
#
# Usage: screenshot.sh ADMIN_URL [FILE [WIDTH,HEIGHT [CHROMIUM_FLAG...]]]
#   ADMIN_URL   a running collector's admin address, such as `samples/demo.sh --keep` prints
# For the dark page add --force-dark-mode --blink-settings=preferredColorScheme=0.
set -euo pipefail

url="${1:?the admin address of a running collector is needed}"
file="${2:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../page" && pwd)/page.png}"
size="${3:-1100,960}"
shift $(($# < 3 ? $# : 3))

profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
  --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$profile" --window-size="$size" \
  --virtual-time-budget=5000 --enable-logging=stderr --screenshot="$file" "$@" "$url/" >"$profile/log" 2>&1 ||
  { cat "$profile/log" >&2; exit 1; }
if grep CONSOLE "$profile/log" >&2; then
  echo "screenshot.sh: the page wrote to the console" >&2
  exit 1
fi
ls -l "$file"
