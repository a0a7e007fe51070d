"""Launches on disks that are no good: too small, full, or unfit for a mapping. Mounts in a namespace of its own.

usage: disk_test.py LAUNCH_CHILD COLLECTOR
"""

import os
import signal
import subprocess
import sys
import unittest

import launch_driver

MAPPED, FILE, VOLATILE = "1", "2", "3"  # WHYDROP_STORAGE_*
SKIPPED = 77  # as the build's test runner is told


class Disks(launch_driver.LaunchTest):
    def mount(self, kind, *options):
        os.makedirs(self.state, exist_ok=True)
        subprocess.run(["mount", "-t", kind, *options, kind, self.state], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.state], check=True)

    def names(self, suffix):
        return [name for name in os.listdir(os.path.join(self.state, "launches")) if name.endswith(suffix)]

    def fill(self):
        """Takes the disk's last byte; returns the file that holds it."""
        path = os.path.join(self.state, "filler")
        with open(path, "wb", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)) == 4096:
                    pass
            except OSError:
                pass
        return path

    def test_on_a_disk_that_is_too_small_the_game_starts_and_is_told_once(self):
        self.mount("tmpfs", "-o", "size=64k")
        told = self.upload()
        self.assertEqual((told["flush"], told["storage"], told["warnings"]), ("0", VOLATILE, "1"))
        self.assertEqual(self.run_to_end("crash"), -signal.SIGSEGV)
        self.assertEqual(self.run_to_end("stop"), 0)
        self.assertEqual(self.names(""), [])
        self.assertEqual(self.collector.causes(), {})

    def test_a_disk_that_is_full_at_harvest_keeps_the_ring_for_later_and_the_end_is_known_at_once(self):
        self.mount("tmpfs", "-o", "size=1m")
        self.assertEqual(self.run_to_end("crash"), -signal.SIGSEGV)
        rings = self.names(".ring")
        self.assertEqual(len(rings), 1)
        filler = self.fill()
        for _ in range(2):
            told = self.upload()
            self.assertEqual((told["storage"], told["last"], told["sent"]), (VOLATILE, "client_crash", "0"))
            self.assertEqual(self.names(".ring"), rings)
        self.assertEqual(self.collector.causes(), {})
        os.remove(filler)
        told = self.upload()
        self.assertEqual((told["storage"], told["last"], told["sent"]), (MAPPED, "client_crash", "1"))
        self.upload()
        self.assertEqual(self.collector.causes(), {"client_crash": 1})
        ends = [session["end"] for session in self.collector.sessions()]
        self.assertEqual(ends.count("client_crash"), 1)
        self.assertNotIn(rings[0], self.names(".ring"))

    def test_where_a_mapping_is_not_safe_the_ring_is_written_and_every_ending_is_told_apart(self):
        self.mount("ramfs")
        self.assertEqual(self.upload()["storage"], FILE)
        for ending, last, code in (("crash", "client_crash", -signal.SIGSEGV), ("abort", "client_crash", -signal.SIGABRT),
                                   ("exit", "clean_exit", 0), ("stop", "clean_exit", 0)):
            self.assertEqual(self.run_to_end(ending, ending), code)
            told = self.upload()
            self.assertEqual((told["flush"], told["storage"], told["last"]), ("0", FILE, last), ending)
        self.kill(self.launch("wait", "killed"))
        self.assertEqual(self.upload()["last"], "client_killed")
        self.assertEqual(self.collector.causes(),
                         {"client_crash": 2, "clean_exit": 1, "local_close": 1, "client_killed": 1})


def main():
    launch_driver.CHILD, launch_driver.COLLECTOR = sys.argv[1:3]
    if os.environ.get("WHYDROP_OWN_MOUNTS") is None:
        if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode != 0:
            print("skipped: a mount namespace needs root")
            sys.exit(SKIPPED)
        os.environ["WHYDROP_OWN_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])
    unittest.main(argv=sys.argv[:1], verbosity=2)


if __name__ == "__main__":
    main()
