#!/usr/bin/env bash
# The SDK's sources without extensions of GCC and Clang, so that other compilers take them; the build's own flags (-pedantic-
# errors, -Wvla) ask GCC the same. What stands in platform/linux is for these two only.
#
# Usage: portable.sh             the sources of every system
#        portable.sh --windows   those of platform/windows, with the headers of mingw-w64
# Exit code 0: Clang found none
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
flags=(-fsyntax-only -std=c++17 -pedantic-errors -Wgnu -Wvla -Werror -I. -Isdk -Isdk/include)
if [ "${1:-}" = --windows ]; then
  # Clang does not find Debian's tool chain of posix threads by itself.
  triple=x86_64-w64-mingw32
  gcc="$(dirname "$($triple-g++-posix -print-libgcc-file-name)")"
  flags+=(--target=$triple -nostdinc++ -isystem "$gcc/include/c++" -isystem "$gcc/include/c++/$triple"
    -isystem "$gcc/include/c++/backward" -isystem /usr/$triple/include -D_WIN32_WINNT=0x0A00 -DNTDDI_VERSION=0x0A000006
    -DUNICODE -D_UNICODE -DNOMINMAX -DWIN32_LEAN_AND_MEAN)
  mapfile -t sources < <(ls platform/windows/*.cc)
else
  mapfile -t sources < <(ls platform/*.cc sdk/{core,causes,ring,upload,session,api}/*.cc)
fi
clang++ "${flags[@]}" "${sources[@]}"
echo "${#sources[@]} sources without extensions"
