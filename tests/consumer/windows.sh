#!/usr/bin/env bash
# Installs the cross-built package into a temporary directory, moves it, and lets somebody else's programs in C and C++
# find it by CMake, link the DLL and the static library, and run under Wine. Then looks at what the DLL exports and needs.
#
# Usage: windows.sh BUILD_DIR WRAPPER     WRAPPER runs a Windows program; exit code 0: all held
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source_dir="$(cd "$here/../.." && pwd)"
build_dir="$(cd "${1:?usage: windows.sh BUILD_DIR WRAPPER}" && pwd)"
wrapper="${2:?usage: windows.sh BUILD_DIR WRAPPER}"
triple=x86_64-w64-mingw32

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

fail() {
  echo "consumer: FAILED: $*" >&2
  exit 1
}

quietly() {
  "$@" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    fail "$*"
  }
}

quietly cmake --install "$build_dir" --prefix "$work/first"
# The package is moved after its installation, so that a path of the build machine in it would be found out.
prefix="$work/prefix"
mv "$work/first" "$prefix"
for file in bin/whydrop.dll bin/whydrop.exe lib/libwhydrop.dll.a lib/libwhydrop.a lib/whydrop.def include/whydrop/whydrop.h \
  lib/cmake/whydrop/whydrop{Config,ConfigVersion,Targets}.cmake share/doc/whydrop/LICENSE; do
  [ -e "$prefix/$file" ] || fail "not installed: $file"
done
if grep -rlF -e "$source_dir" -e "$work/first" "$prefix/lib/cmake"; then
  fail "the package names a directory of the machine that built it"
fi

for link in whydrop::whydrop whydrop::static; do
  out="$work/${link#whydrop::}"
  quietly cmake -S "$here/project" -B "$out" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCONSUMER_LINK="$link" \
    -DCMAKE_TOOLCHAIN_FILE="$source_dir/packaging/windows/mingw-w64.cmake" -DCMAKE_FIND_ROOT_PATH="$prefix" \
    -Dwhydrop_DIR="$prefix/lib/cmake/whydrop"
  quietly cmake --build "$out" --parallel 2
  [ "$link" = whydrop::static ] || cp "$prefix/bin/whydrop.dll" "$out/"
  for program in consumer_c consumer_cc; do
    mkdir -p "$work/state/$link/$program"
    # Not only the exit code: a program that Wine cannot start ends with 0 and says nothing.
    (cd "$out" && "$wrapper" "./$program.exe" "$work/state/$link/$program") >"$work/log" 2>&1 || true
    grep -q "$program: ok" "$work/log" || { cat "$work/log" >&2; fail "$link: $program"; }
  done
  echo "ok      $link"
done

# What leaves the DLL is what the list names; what it and a program with the static library need is on a plain Windows.
sed 's/#.*//' "$source_dir/packaging/symbols.txt" | awk 'NF { print $1 }' | sort >"$work/listed"
$triple-objdump -p "$prefix/bin/whydrop.dll" | sed -n 's/^\t\[ *[0-9]*\] \(+base\[ *[0-9]*\] *[0-9a-f]* \)\{0,1\}\([A-Za-z_][A-Za-z0-9_]*\)$/\2/p' |
  sort -u >"$work/exported"
diff -u --label packaging/symbols.txt --label exported "$work/listed" "$work/exported" || fail "the DLL's exports"
# Not user32: with it Windows would take a console program's notices of log-off and shutdown away.
plain='ADVAPI32|bcrypt|CRYPT32|KERNEL32|msvcrt|WS2_32'
for file in "$prefix/bin/whydrop.dll" "$work/static/consumer_c.exe"; do
  if $triple-objdump -p "$file" | sed -n 's/.*DLL Name: //p' | grep -vixE "($plain)\.dll"; then
    fail "$(basename "$file") needs what is not on every Windows"
  fi
done
if $triple-nm -g --defined-only "$prefix/lib/libwhydrop.a" | awk 'NF == 3 { print $3 }' |
  grep -E '^(curl|Curl|deflate|inflate|crc32|z_)'; then
  fail "the static library shows names of libcurl or zlib"
fi
echo "ok      $(wc -l <"$work/listed") symbols; imports of a plain Windows"
cp "$prefix/bin/whydrop.dll" "$work/stripped.dll"
$triple-strip "$work/stripped.dll"
echo "whydrop.dll stripped: $(stat -c %s "$work/stripped.dll") bytes"
