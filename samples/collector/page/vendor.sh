#!/usr/bin/env bash
# Copies into web/vendor what the page takes from npm, in the versions and with the hashes of package-lock.json. To take a
# newer one: change package.json, run `npm install --package-lock-only` here, then this. The page's test fails when the
# copies and the lock disagree.
#
# Usage: vendor.sh
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$work"
npm ci --prefix "$work" --omit=dev --ignore-scripts --no-audit --no-fund >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
uplot=$work/node_modules/uplot
cp "$uplot/dist/uPlot.iife.min.js" "$uplot/dist/uPlot.min.css" "$here/web/vendor/"
cp "$uplot/LICENSE" "$here/web/vendor/uPlot.LICENSE"
ls -l "$here/web/vendor"
