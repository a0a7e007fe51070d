#!/bin/sh
# A headless Wine prefix whose server stays up while tests run: a program then starts in 35 ms, not 700.
#
# Usage: wine_prefix.sh start|stop
#        wine_prefix.sh clone FROM   makes the prefix out of another one, whose files it shares, in no time
#
# The kept server and the services that the first program starts hold on to the standard output that they were born with:
# a pipe around them never ends. Hence the redirections, and the first programs that do nothing. The desktop's processes
# live as long as there is a window; an empty notepad keeps them.
set -eu
: "${WINEPREFIX:=${XDG_CACHE_HOME:-$HOME/.cache}/whydrop/wine}"
: "${WINEDEBUG:=-all}"
WINEDLLOVERRIDES="mscoree,mshtml=;winemenubuilder.exe=d;winedbg.exe=d"
export WINEPREFIX WINEDEBUG WINEDLLOVERRIDES
unset DISPLAY WAYLAND_DISPLAY || true
quiet() { "$@" </dev/null >/dev/null 2>&1; }

case "${1:-}" in
  start)
    mkdir -p "$(dirname "$WINEPREFIX")"
    [ -f "$WINEPREFIX/system.reg" ] || quiet wineboot -i
    # Windows can then be made without a display. The driver is chosen when the desktop's process starts.
    quiet wine reg add 'HKCU\Software\Wine\Drivers' /v Graphics /d null /f
    quiet wineserver -k || true
    quiet wineserver -w || true
    quiet wineserver -p
    quiet wine notepad &
    quiet wine explorer '/desktop=warm' cmd /c exit
    ;;
  clone)
    # By name, because the other prefix may be in use, and what a program there removes meanwhile is no error. Its registry
    # is copied: Wine writes into a file that has a second link instead of replacing it, so that two servers would write
    # one file. Of the users only the folders: their files are the programs'.
    from=${2:?usage: wine_prefix.sh clone FROM}
    mkdir -p "$WINEPREFIX/drive_c"
    cp -a "$from/.update-timestamp" "$from/dosdevices" "$from"/*.reg "$WINEPREFIX/"
    for folder in "$from"/drive_c/*; do
      [ "$folder" = "$from/drive_c/users" ] || cp -al "$folder" "$WINEPREFIX/drive_c/"
    done
    (cd "$from/drive_c" && find users -name 'whydrop*' -prune -o -type d -print) 2>/dev/null |
      (cd "$WINEPREFIX/drive_c" && while read -r folder; do mkdir -p "$folder"; done)
    ;;
  stop)
    quiet wineserver -k || true
    quiet wineserver -w || true
    ;;
  *)
    echo "usage: wine_prefix.sh start|stop|clone FROM" >&2
    exit 2
    ;;
esac
