#!/usr/bin/env bash
# Installs the built package into a temporary directory, moves it, and lets somebody else's programs find it, link it and
# run: through CMake (shared, static) and pkg-config (shared, static). Then looks at what the libraries show and need.
#
# Usage: run.sh BUILD_DIR     a built tree (build/dev); exit code 0: all held
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source_dir="$(cd "$here/../.." && pwd)"
build_dir="$(cd "${1:?usage: run.sh BUILD_DIR}" && pwd)"

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

# run_programs NAME DIRECTORY [LIBRARY_PATH]: runs both programs, each with a state directory of its own.
run_programs() {
  local name="$1" directory="$2" library_path="${3:-}" program
  for program in consumer_c consumer_cc; do
    mkdir -p "$work/state/$name/$program"
    LD_LIBRARY_PATH="$library_path" "$directory/$program" "$work/state/$name/$program" || fail "$name: $program"
    LD_LIBRARY_PATH="$library_path" ldd "$directory/$program" >"$work/ldd"
    if grep -E 'not found|libcurl|libssl|libcrypto|libgnutls|libprotobuf' "$work/ldd"; then
      fail "$name: $program loads what a game must not be made to load"
    fi
  done
  echo "ok      $name"
}

quietly cmake --install "$build_dir" --prefix "$work/first"
# The package is moved after its installation, so that a path of the build machine in it would be found out.
prefix="$work/prefix"
mv "$work/first" "$prefix"
lib="$(dirname "$(find "$prefix" -name libwhydrop.a)")"
for file in "$lib"/libwhydrop.so "$lib"/cmake/whydrop/whydrop{Config,ConfigVersion,Targets}.cmake \
  "$lib"/pkgconfig/whydrop.pc "$prefix"/include/whydrop/whydrop.h "$prefix"/share/doc/whydrop/LICENSE; do
  [ -e "$file" ] || fail "not installed: ${file#"$prefix"/}"
done
if grep -rlF -e "$source_dir" -e "$work/first" "$lib/cmake" "$lib/pkgconfig"; then
  fail "the package names a directory of the machine that built it"
fi

for link in whydrop::whydrop whydrop::static; do
  out="$work/cmake-${link#whydrop::}"
  quietly cmake -S "$here/project" -B "$out" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCONSUMER_LINK="$link" \
    -DCMAKE_BUILD_TYPE=Release
  quietly cmake --build "$out" --parallel 2
  run_programs "cmake $link" "$out"
done

export PKG_CONFIG_PATH="$lib/pkgconfig"
warnings=(-Wall -Wextra -pedantic -Werror -Wconversion)
# pkg_config_build OUT CC_FLAGS LINK_FLAGS: as a makefile would do it.
pkg_config_build() {
  mkdir -p "$1"
  # shellcheck disable=SC2086 # the flags are words
  quietly gcc -std=c99 "${warnings[@]}" $2 "$here/project/consumer.c" -o "$1/consumer_c" $3
  # shellcheck disable=SC2086
  quietly g++ -std=c++17 -fno-exceptions -fno-rtti "${warnings[@]}" $2 "$here/project/consumer.cc" -o "$1/consumer_cc" $3 -pthread
}
pkg_config_build "$work/pc-shared" "$(pkg-config --cflags whydrop)" "$(pkg-config --libs whydrop)"
run_programs "pkg-config shared" "$work/pc-shared" "$lib"
# The linker takes the archive only where it sees no shared library of that name.
static_libs="$(pkg-config --static --libs whydrop)"
pkg_config_build "$work/pc-static" "$(pkg-config --cflags whydrop)" "${static_libs/-lwhydrop/-l:libwhydrop.a}"
run_programs "pkg-config static" "$work/pc-static"

# What leaves the libraries is what the header declares and the list names.
functions_of() { grep -oE '\bwhydrop_[a-z_0-9]+$' | sort -u; }
sed 's/#.*//' "$source_dir/packaging/symbols.txt" | awk 'NF { print $1 }' | sort >"$work/listed"
grep -oE 'WHYDROP_CALL whydrop_[a-z_0-9]+\(' "$prefix/include/whydrop/whydrop.h" | tr -d '(' | functions_of >"$work/declared"
nm -D --defined-only "$lib/libwhydrop.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u >"$work/shared"
nm -g --defined-only "$lib/libwhydrop.a" | awk 'NF == 3 { print $3 }' | sort -u >"$work/static"
[ -s "$work/listed" ] || fail "packaging/symbols.txt is empty"
for view in declared shared static; do
  diff -u --label "packaging/symbols.txt" --label "$view" "$work/listed" "$work/$view" ||
    fail "the list of symbols and the functions $view differ"
done
if awk 'NF && $1 !~ /^#/ && (NF != 2 || $2 !~ /^[0-9]+\.[0-9]+\.[0-9]+$/)' "$source_dir/packaging/symbols.txt" | grep .; then
  fail "packaging/symbols.txt: each line is a name and the version it came in"
fi
readelf -d "$lib/libwhydrop.so" | grep -q 'SONAME.*libwhydrop\.so\.[0-9]' || fail "libwhydrop.so has no versioned SONAME"
echo "ok      $(wc -l <"$work/listed") symbols: list, header, shared and static library agree"
