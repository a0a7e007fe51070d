#!/usr/bin/env bash
# Every case of the close lab once; its exit status says whether what is promised of the verdicts holds.
#
# Usage: lab_test.sh CLOSE_LAB
exec "$1" run
