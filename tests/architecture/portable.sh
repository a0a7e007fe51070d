#!/usr/bin/env bash
# The SDK's sources without extensions of GCC and Clang, so that other compilers take them; the build's own flags (-pedantic-
# errors, -Wvla) ask GCC the same. What stands in platform/linux is for these two only.
#
# Usage: portable.sh     exit code 0: Clang found none
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mapfile -t sources < <(ls platform/*.cc sdk/{core,causes,ring,upload,session,api}/*.cc)
clang++ -fsyntax-only -std=c++17 -pedantic-errors -Wgnu -Wvla -Werror -I. -Isdk -Isdk/include "${sources[@]}"
echo "${#sources[@]} sources without extensions"
