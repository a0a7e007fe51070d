"""What the tests of the analyst's page share: a real collector, a real headless Chromium before it, and npm's packages."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import collector_driver
from browser import PATIENCE_S, Browser

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "collector", "page")
SCREENSHOTS = None  # where the pictures of the documents go, None: nowhere
TOOLS = None
READY = "!document.querySelector('[aria-busy]') && !document.querySelector('main').innerText.includes('Loading')"


class PageTest(unittest.TestCase):
    """One collector and one tab for all tests of a class; each begins with a fresh page."""
    data = staticmethod(lambda collector: None)
    # How a problem begins that a class brings about: the browser logs a request that failed in its own time, perhaps only
    # during the next test.
    brought_about = None

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.collector = collector_driver.Collector(cls.directory.name)
        cls.addClassCleanup(lambda: cls.collector.stop())
        cls.data(cls.collector)
        cls.origin = "http://127.0.0.1:%d" % cls.collector.admin_port
        cls.browser = Browser(cls.origin)
        cls.addClassCleanup(cls.browser.close)

    def tearDown(self):
        self.browser.dark(False)
        self.browser.resize(1200, 900)
        problems, self.browser.problems[:] = list(self.browser.problems), []
        self.assertEqual([p for p in problems if not (self.brought_about and p.startswith(self.brought_about))], [])

    def open(self, query=""):
        self.browser.open(self.origin + "/" + query)
        self.browser.wait(READY)

    def run_js(self, expression):
        return self.browser.run(expression)

    def text(self, selector):
        return self.run_js("document.querySelector(%s).innerText.replace(/\\s+/g, ' ').trim()" % json.dumps(selector))

    def await_text(self, selector, text):
        """Until the text is there: answers come in any order, and not all of them before the page is READY."""
        self.browser.wait("document.querySelector(%s).innerText.replace(/\\s+/g, ' ').includes(%s)"
                          % (json.dumps(selector), json.dumps(text)))

    def await_problem(self):
        """Until the browser has told the problem that the class brings about."""
        deadline = time.monotonic() + PATIENCE_S
        while not any(problem.startswith(self.brought_about) for problem in self.browser.problems):
            self.assertLess(time.monotonic(), deadline, self.browser.problems)
            self.run_js("new Promise((resolve) => requestAnimationFrame(resolve))")

    def rows(self, selector):
        """The body of a table as a list of rows of texts."""
        return self.run_js("[...document.querySelectorAll(%s + ' tbody tr')].map((row) => [...row.cells].map("
                           "(cell) => cell.innerText.replace(/\\s+/g, ' ').trim()))" % json.dumps(selector))

    def choose(self, name, value):
        self.run_js("(() => { const s = document.getElementById(%s); s.value = %s;"
                    " s.dispatchEvent(new Event('change', {bubbles: true})); })()" % (json.dumps(name), json.dumps(value)))
        self.browser.wait(READY)

    def look_up(self, app, token):
        self.run_js("document.getElementById('lookup_app').value = %s; document.getElementById('lookup_token').value = %s;"
                    "document.querySelector('#lookup button').click()" % (json.dumps(app), json.dumps(token)))
        self.browser.wait("document.querySelector('#connection .body').childElementCount && " + READY)

    def downloaded(self, name):
        deadline = time.monotonic() + PATIENCE_S
        while name not in self.browser.saved and time.monotonic() < deadline:
            self.run_js("new Promise((resolve) => requestAnimationFrame(resolve))")
        with open(os.path.join(self.browser.downloads, name), encoding="utf-8", newline="") as file:
            return file.read()


def install_tools():
    """The packages of the lock, whose hashes npm checks."""
    lock = os.path.join(SOURCES, "package-lock.json")
    kept = os.path.join(TOOLS, "package-lock.json")
    done = os.path.join(TOOLS, "node_modules", ".package-lock.json")
    if os.path.exists(done) and os.path.exists(kept) and open(lock, "rb").read() == open(kept, "rb").read():
        return
    os.makedirs(TOOLS, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(SOURCES, name), TOOLS)
    subprocess.run(["npm", "ci", "--prefix", TOOLS, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                   check=True, timeout=600)


def be_alone_on_the_network():
    """Chromium gives up what it is loading when a device comes or goes anywhere on the machine, and other tests make
    devices. A network of this test's own has the loopback device only; making one needs root."""
    if os.geteuid() == 0 and os.environ.get("WHYDROP_PAGE_NETWORK") is None:
        os.environ["WHYDROP_PAGE_NETWORK"] = "own"
        os.execvp("unshare", ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable,
                              *sys.argv])


def main():
    global TOOLS, SCREENSHOTS
    parser = argparse.ArgumentParser()
    parser.add_argument("--collector", required=True)
    parser.add_argument("--tools", required=True, help="where npm's packages for the test are put")
    parser.add_argument("--screenshots", help="write the pictures of the documents to this directory")
    arguments, rest = parser.parse_known_args()
    collector_driver.COLLECTOR = arguments.collector
    TOOLS, SCREENSHOTS = os.path.abspath(arguments.tools), arguments.screenshots
    install_tools()
    be_alone_on_the_network()
    unittest.main(module="__main__", argv=sys.argv[:1] + rest)
