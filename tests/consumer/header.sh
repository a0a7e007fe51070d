#!/usr/bin/env bash
# The public header as other compilers see it: C99 and C++17 without a warning, by gcc and clang, with the layout of every
# struct asserted, also for the ABI of Windows and for 32 bits, for which no system headers are needed.
#
# Usage: header.sh     exit code 0: every compiler took it
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

warnings=(-Wall -Wextra -pedantic -Werror -Wconversion -Isdk/include -fsyntax-only)
layout=tests/consumer/abi_layout.c
failed=0
ran=0

# check COMMAND...: one compiler with its own flags.
check() {
  ran=$((ran + 1))
  if "$@" "${warnings[@]}" "$layout"; then
    echo "ok      $*"
  else
    echo "FAILED  $*"
    failed=$((failed + 1))
  fi
}

for compiler in gcc clang; do
  command -v "$compiler" >/dev/null || { echo "$compiler is missing"; exit 1; }
  check "$compiler" -std=c99
done
for compiler in g++ clang++; do
  check "$compiler" -x c++ -std=c++17
done
for target in x86_64-pc-windows-msvc i686-pc-windows-msvc i686-linux-gnu aarch64-linux-gnu; do
  check clang --target="$target" -std=c99 -ffreestanding -nostdlibinc
  check clang++ --target="$target" -x c++ -std=c++17 -ffreestanding -nostdlibinc
done

# An older C++ and a C compiler that reads the header twice.
echo '#include <whydrop/whydrop.h>
#include <whydrop/whydrop.h>
int main(void) { return whydrop_version() == 0; }' | gcc -x c -std=c99 "${warnings[@]}" - || failed=$((failed + 1))

if [ -f sdk/include/whydrop/whydrop.hpp ]; then
  for compiler in g++ clang++; do
    for flags in "" "-fno-exceptions -fno-rtti"; do
      ran=$((ran + 1))
      # shellcheck disable=SC2086 # the flags are words
      echo '#include <whydrop/whydrop.hpp>' | "$compiler" -x c++ -std=c++17 $flags "${warnings[@]}" - ||
        { echo "FAILED  whydrop.hpp with $compiler $flags"; failed=$((failed + 1)); }
    done
  done
fi

echo "$ran compilations, $failed failed"
[ "$failed" -eq 0 ]
