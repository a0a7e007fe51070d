# shellcheck shell=bash
# What a Debian or Ubuntu system needs. To be sourced.
#
#   whydrop_install_packages build demo test    installs what these uses need, quietly and only what is missing
#
#   build   the SDK, the command, the samples and the collector
#   demo    what samples/demo.sh runs besides
#   test    what tests/run.sh runs besides

whydrop_packages_build="g++ cmake ninja-build pkg-config zlib1g-dev libcurl4-openssl-dev protobuf-compiler libprotobuf-dev
  libboost-dev libssl-dev libsqlite3-dev"
whydrop_packages_demo="python3 iproute2 iptables"
whydrop_packages_test="clang doctest-dev python3 binutils ccache"

whydrop_install_packages() {
  local use list missing="" package
  for use in "$@"; do
    list="whydrop_packages_$use"
    for package in ${!list}; do
      [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
    done
  done
  [ -n "$missing" ] || return 0
  local as_root=""
  [ "$(id -u)" -eq 0 ] || as_root=sudo
  # shellcheck disable=SC2086 # the lists are words
  $as_root apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
