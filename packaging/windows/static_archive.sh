#!/bin/sh
# The static library for MinGW: the SDK's objects and what they take from libcurl and zlib become one object, in which
# every name of those two is local, so that they cannot clash with a game's own copies. The SDK's C++ names stay global:
# groups of inline functions (COMDAT) do not survive being made local in this object format.
#
# Usage: static_archive.sh OUTPUT LD NM OBJCOPY AR OBJECT_OR_ARCHIVE...
set -eu
output=$1 ld=$2 nm=$3 objcopy=$4 ar=$5
shift 5
archives=
for input in "$@"; do
  case $input in *.a) archives="$archives $input" ;; esac
done
"$ld" -r -o "$output.o" "$@"
# shellcheck disable=SC2086 # the archives are words
"$nm" -g --defined-only $archives 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u >"$output.local"
"$objcopy" "--localize-symbols=$output.local" "$output.o"
rm -f "$output"
"$ar" rcs "$output" "$output.o"
