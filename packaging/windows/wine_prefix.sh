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
    # Wine replaces a file that it changes (the registry) and does not write into it. The users' files are written by
    # programs, and the SDK refuses a file that has a second link: those are copied.
    cp -al "${2:?usage: wine_prefix.sh clone FROM}" "$WINEPREFIX"
    rm -rf "$WINEPREFIX/drive_c/users"
    cp -a "$2/drive_c/users" "$WINEPREFIX/drive_c/users"
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
