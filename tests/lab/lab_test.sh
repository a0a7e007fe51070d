#!/usr/bin/env bash
# Every case of the close lab once, and once more if what is promised of the verdicts did not hold: some cases race real
# time-outs against each other, and a busy machine may lose one of them once.
#
# Usage: lab_test.sh CLOSE_LAB
"$1" run
status=$?
[ "$status" -eq 1 ] || exit "$status"
echo
echo "The first run missed what is promised; the second decides."
exec "$1" run
