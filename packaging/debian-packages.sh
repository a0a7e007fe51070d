# The Debian packages that building, showing and testing whydrop needs, in this one place. To be sourced by bash:
#
#   . packaging/debian-packages.sh
#   whydrop_install_packages build|demo|cluster|lab|test|windows|bench...
#
# Installs only what is missing, asks apt for new lists only when the known ones do not serve, and says nothing when
# there is nothing to do.

whydrop_packages() {
  case $1 in
    build) echo cmake ninja-build g++ pkg-config zlib1g-dev libcurl4-openssl-dev libcurl4 protobuf-compiler \
                libprotobuf-dev libboost-dev libssl-dev libsqlite3-dev libtomlplusplus-dev nlohmann-json3-dev ;;
    demo) whydrop_packages build && echo python3 iproute2 ;;
    # A ClickHouse of several nodes on this machine. One node, for the tests, needs no ZooKeeper.
    cluster) whydrop_packages demo && echo clickhouse-server zookeeper default-jre-headless ;;
    lab) whydrop_packages build && echo iproute2 iptables conntrack ;;
    # npm is Debian's only where none is there: another source's nodejs brings its own, and the two exclude each other.
    test) whydrop_packages demo && whydrop_packages lab && echo doctest-dev clang binutils openssl ccache chromium systemd nginx-light \
                clickhouse-server &&
            { command -v npm >/dev/null || echo npm; } ;;
    windows) whydrop_packages build && echo g++-mingw-w64-x86-64-posix g++-mingw-w64-i686-posix libz-mingw-w64-dev wine wine64 libgnutls30 dpkg-dev doctest-dev ;;
    bench) whydrop_packages build && echo libspdlog-dev python3 openssl doctest-dev clickhouse-server ;;
    *) echo "whydrop_install_packages: build, demo, cluster, lab, test, windows or bench, not '$1'" >&2; return 2 ;;
  esac
}

# Packages with services are wanted for their programs: no service may be started by their installation, or at the next
# boot. whydrop_without_services AS_ROOT... -- COMMAND...
whydrop_without_services() {
  local as_root=() policy=/usr/sbin/policy-rc.d made="" status=0 service
  while [[ $1 != -- ]]; do as_root+=("$1") && shift; done
  shift
  if [[ ! -e $policy ]]; then
    made=yes
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null && "${as_root[@]}" chmod 755 "$policy"
  fi
  "$@" || status=$?
  [[ -z $made ]] || "${as_root[@]}" rm -f "$policy"
  for service in clickhouse-server; do
    [[ ! -e /etc/init.d/$service ]] || "${as_root[@]}" update-rc.d "$service" disable >/dev/null 2>&1 || true
  done
  return $status
}

whydrop_install_packages() {
  local wanted="" some kind missing=() package as_root=() log
  for kind in "$@"; do
    some=$(whydrop_packages "$kind") || return
    wanted+=" $some"
  done
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is no Debian-like system: install the counterparts of these packages by hand and build with cmake:" >&2
    echo " $wanted" >&2
    return 2
  fi
  for package in $(printf '%s\n' $wanted | sort -u); do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  if ((EUID != 0)); then
    command -v sudo >/dev/null || { echo "Needs root, or sudo, to install: ${missing[*]}" >&2; return 2; }
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)
  echo "installing ${missing[*]} ..."
  log=$(mktemp)
  install_missing() {
    # Lists that were never fetched, or that name versions which are gone, make the first attempt fail.
    "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
      { "${as_root[@]}" apt-get update -q && "${as_root[@]}" apt-get install -y -q --no-install-recommends \
        "${missing[@]}"; } >"$log" 2>&1
  }
  local install=(install_missing)
  # Where somebody has installed the server for its service, nothing of it is changed.
  [[ " ${missing[*]} " != *" clickhouse-server "* ]] || install=(whydrop_without_services "${as_root[@]}" -- install_missing)
  if ! "${install[@]}"; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install: ${missing[*]}" >&2
    rm -f "$log"
    return 2
  fi
  rm -f "$log"
}
