#!/usr/bin/env bash
# The crash marker calls nothing that is not safe in a signal handler: asks the object file that ends up in the library.
#
# Usage: marker_symbols.sh NM OBJECT
set -euo pipefail
# What compilers make of loops over bytes, and of position independence; both are safe in a handler. Sanitizers add theirs.
allowed='memcpy|memset|strlen|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__(asan|ubsan|tsan)_.*'
symbols=$("$1" -u -P "$2" | cut -d' ' -f1)
if bad=$(grep -vxE "$allowed" <<<"$symbols" | grep .); then
  echo "not safe in a signal handler: $bad" >&2
  exit 1
fi
"$1" -P "$2" | grep -q MarkCrash || { echo "$2 is not the crash marker" >&2; exit 1; }
