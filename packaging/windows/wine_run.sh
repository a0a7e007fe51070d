#!/bin/sh
# Runs one Windows program under Wine, headless, in a prefix of its own: nothing of the user's is touched.
# The exit status that comes back is the Windows code modulo 256: whoever cares for more asks from a Windows parent.
: "${WINEPREFIX:=${XDG_CACHE_HOME:-$HOME/.cache}/whydrop/wine}"
: "${WINEDEBUG:=-all}"
# No prompts for Mono and Gecko, no desktop menus, no debugger at a crash (half a second each).
: "${WINEDLLOVERRIDES:=mscoree,mshtml=;winemenubuilder.exe=d;winedbg.exe=d}"
export WINEPREFIX WINEDEBUG WINEDLLOVERRIDES
unset DISPLAY WAYLAND_DISPLAY
exec wine "$@"
