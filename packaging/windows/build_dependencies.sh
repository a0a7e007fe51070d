#!/usr/bin/env bash
# Cross-builds what the Windows build links: libcurl (Schannel) for the SDK, protobuf and doctest for the command and the
# tests. Sources are Debian's own packages, with Debian's security patches.
#
# Usage: build_dependencies.sh PREFIX
#
# Installs to PREFIX, and for 32 bits what the SDK alone needs to PREFIX/i686; does nothing if this very set is there
# already. Needs the packages of kind `windows` (packaging/debian-packages.sh).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=${1:?usage: build_dependencies.sh PREFIX}
jobs=${WHYDROP_JOBS:-2}

# Changes with the compiler, with the sources that apt offers and with the recipe.
fingerprint() {
  { x86_64-w64-mingw32-g++-posix --version | head -n 1
    i686-w64-mingw32-g++-posix --version | head -n 1
    dpkg-query -W libcurl4-openssl-dev libprotobuf-dev doctest-dev
    cat "$here/build_dependencies.sh" "$here/curl/CMakeLists.txt" "$here/mingw-w64.cmake"; } | sha256sum
}
stamp=$(fingerprint)
if [ "$(cat "$prefix/.built" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
log="$prefix/build.log"
: >"$log"

# Source lists of their own: what apt is set up for on this machine stays as it is.
apt_sources() {
  mkdir -p "$work/apt/parts" "$work/apt/lists/partial"
  if [ -e /etc/apt/sources.list.d/debian.sources ]; then
    sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$work/apt/parts/sources.sources"
  else
    sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$work/apt/parts/sources.list"
  fi
  apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/apt/parts" \
    -o Dir::State::lists="$work/apt/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o APT::Sandbox::User=root "$@"
}

fetch() {
  cd "$work"
  apt_sources update
  apt_sources source --download-only curl protobuf
  dpkg-source --no-check -x curl_*.dsc curl
  dpkg-source --no-check -x protobuf_*.dsc protobuf
}

toolchain=(-G Ninja "-DCMAKE_TOOLCHAIN_FILE=$here/mingw-w64.cmake" "-DWHYDROP_WINDOWS_PREFIX=$prefix"
  "-DCMAKE_INSTALL_PREFIX=$prefix" -DCMAKE_BUILD_TYPE=MinSizeRel
  "-DCMAKE_C_FLAGS_MINSIZEREL=-Os -DNDEBUG -ffunction-sections -fdata-sections"
  "-DCMAKE_CXX_FLAGS_MINSIZEREL=-Os -DNDEBUG -ffunction-sections -fdata-sections")
if command -v ccache >/dev/null; then
  toolchain+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

build_curl() {
  cmake -S "$here/curl" -B "$work/build-curl" "${toolchain[@]}" -DCURL_SOURCE="$work/curl"
  cmake --build "$work/build-curl" --parallel "$jobs"
  cmake --install "$work/build-curl"
}

build_curl_i686() {
  cmake -S "$here/curl" -B "$work/build-curl-i686" "${toolchain[@]}" -DCURL_SOURCE="$work/curl" \
    -DWHYDROP_MINGW_TRIPLE=i686-w64-mingw32 "-DCMAKE_INSTALL_PREFIX=$prefix/i686"
  cmake --build "$work/build-curl-i686" --parallel "$jobs"
  cmake --install "$work/build-curl-i686"
}

build_protobuf() {
  cmake -S "$work/protobuf" -B "$work/build-protobuf" "${toolchain[@]}" -Dprotobuf_BUILD_TESTS=OFF \
    -Dprotobuf_BUILD_PROTOC_BINARIES=OFF -Dprotobuf_BUILD_LIBPROTOC=OFF -Dprotobuf_BUILD_SHARED_LIBS=OFF \
    -Dprotobuf_WITH_ZLIB=ON
  cmake --build "$work/build-protobuf" --parallel "$jobs" --target libprotobuf
  cmake --install "$work/build-protobuf" --component libprotobuf
  cmake --install "$work/build-protobuf" --component protobuf-headers
}

install_doctest() {
  mkdir -p "$prefix/include" "$prefix/lib/cmake"
  cp -r /usr/include/doctest "$prefix/include/"
  cp -r /usr/lib/cmake/doctest "$prefix/lib/cmake/"
  # Debian's package file names /usr, where the headers of this machine's own C library are found too.
  sed -i "s|set(_IMPORT_PREFIX \"/usr\")|set(_IMPORT_PREFIX \"$prefix\")|" "$prefix/lib/cmake/doctest/doctestTargets.cmake"
}

for part in fetch build_curl build_curl_i686 build_protobuf install_doctest; do
  # A subshell, so that the first command that fails ends the part.
  if ! (set -e; "$part") >>"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "build_dependencies.sh: $part failed; the whole log is $log" >&2
    exit 1
  fi
done
echo "$stamp" >"$prefix/.built"
