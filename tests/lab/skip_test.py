#!/usr/bin/env python3
"""Where the lab lacks a privilege or a tool it runs what it can and says of each other case why it was skipped.

Usage: skip_test.py CLOSE_LAB. Needs root itself, because it takes privileges away."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

LAB = sys.argv[1]
SKIPPED = 77


def run(arguments, before=(), **how):
    return subprocess.run([*before, LAB, "run", *arguments], capture_output=True, text=True, timeout=300, **how)


def without_privilege():
    done = run(["D_close_empty", "G_drop_ut4_active"], ["setpriv", "--bounding-set", "-sys_admin"])
    assert done.returncode == SKIPPED, done
    assert "no network namespaces" in done.stderr and "root is needed" in done.stderr, done.stderr


def without(tools):
    """What can still be run when these tools are not there."""
    with tempfile.TemporaryDirectory() as folder:
        for tool in {"ip", "iptables", "ip6tables", "conntrack", "ss"} - set(tools):
            os.symlink(shutil.which(tool), os.path.join(folder, tool))
        cases = ["D_close_empty", "D_close_unread", "G_rst_both_active", "N_nat_loose_client_talks",
                 "F_sock_destroy_ut4"]
        done = run([*cases, "--json"], env={"PATH": folder})
        assert done.returncode == 0, (done.stdout, done.stderr)
        result = json.loads(done.stdout)
        return {case["id"] for case in result["cases"]}, {skip["id"]: skip["why"] for skip in result["skipped"]}


def check(tools, still_run, why):
    ran, skipped = without(tools)
    assert ran == {"D_close_empty", "D_close_unread", *still_run}, (tools, ran)
    assert not ran & set(skipped) and len(ran) + len(skipped) == 5, skipped
    for case, word in why.items():
        assert word in skipped[case], (case, skipped[case])


def main():
    if os.geteuid() != 0:
        print("needs root")
        sys.exit(SKIPPED)
    without_privilege()
    check(["iptables"], ["F_sock_destroy_ut4"],
          {"G_rst_both_active": "iptables", "N_nat_loose_client_talks": "iptables"})
    check(["conntrack"], ["F_sock_destroy_ut4", "G_rst_both_active"],
          {"N_nat_loose_client_talks": "conntrack"})
    check(["ss"], ["G_rst_both_active", "N_nat_loose_client_talks"], {"F_sock_destroy_ut4": "ss -K"})


if __name__ == "__main__":
    main()
