"""A real headless Chromium, driven by the DevTools protocol over a pair of pipes: no port that a stranger could reach, and
nothing beyond Python's own library."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

import programs

PATIENCE_S = 120  # for what never happens, not for a busy machine


class BrowserError(AssertionError):
    pass


class Browser:
    """One tab. `problems` collects what no page should do: errors, console output, requests to elsewhere."""

    def __init__(self, allowed_origin, width=1200, height=900):
        self.allowed_origin = allowed_origin
        self.problems, self.requests, self._held, self._fail_with = [], [], [], None
        self.downloads = tempfile.mkdtemp(prefix="page-downloads-")
        self._profile = tempfile.mkdtemp(prefix="page-profile-")
        self._number, self._buffer = 0, b""
        self._saving, self.saved = {}, set()  # names of downloads: under way, and whole
        read_commands, self._write = os.pipe()
        self._read, write_answers = os.pipe()
        # The browser reads commands from descriptor 3 and writes answers to 4.
        command = ["sh", "-c", 'exec "$@" 3<&%d 4>&%d' % (read_commands, write_answers), "sh", "chromium",
                   "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
                   "--hide-scrollbars", "--user-data-dir=" + self._profile, "--remote-debugging-pipe", "about:blank"]
        self._log = open(os.path.join(self._profile, "stderr"), "wb")
        self._process = programs.start(command, pass_fds=(read_commands, write_answers), stdin=subprocess.DEVNULL,
                                       stdout=self._log, stderr=self._log)
        os.close(read_commands)
        os.close(write_answers)
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=self.downloads, eventsEnabled=True)
        self.resize(width, height)

    def close(self):
        try:
            self._session = None
            self.call("Browser.close", seconds=10)
            self._process.wait(10)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)
        self._log.close()
        shutil.rmtree(self._profile, ignore_errors=True)
        shutil.rmtree(self.downloads, ignore_errors=True)

    def _receive(self, deadline):
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                raise BrowserError("the browser does not answer in time")
            data = os.read(self._read, 1 << 20)
            if not data:
                raise BrowserError("the browser is gone")
            self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        method, about = event["method"], event["params"]
        if method == "Runtime.exceptionThrown":
            self.problems.append("exception: " + json.dumps(about["exceptionDetails"])[:600])
        elif method == "Runtime.consoleAPICalled":
            self.problems.append("console: " + json.dumps(about["args"])[:600])
        elif method == "Log.entryAdded":
            self.problems.append("log: " + about["entry"]["text"] + " " + about["entry"].get("url", ""))
        elif method == "Network.requestWillBeSent":
            url = about["request"]["url"]
            self.requests.append(url)
            if not url.startswith((self.allowed_origin + "/", "about:", "data:", "blob:" + self.allowed_origin)):
                self.problems.append("request to elsewhere: " + url)
        elif method == "Browser.downloadWillBegin":
            self._saving[about["guid"]] = about["suggestedFilename"]
        elif method == "Browser.downloadProgress" and about["state"] == "completed":
            self.saved.add(self._saving[about["guid"]])
        elif method == "Fetch.requestPaused":
            self._held.append(about["requestId"])

    def hold(self, pattern, fail_with=None):
        """Keeps requests that match waiting until release; with `fail_with` = (status, body) they then get that answer."""
        self._fail_with = fail_with
        self.call("Fetch.enable", patterns=[{"urlPattern": pattern}])

    def _answer_held(self):
        while self._held:
            request = self._held.pop()
            try:
                if self._fail_with:
                    status, body = self._fail_with
                    self.call("Fetch.fulfillRequest", requestId=request, responseCode=status,
                              body=base64.b64encode(body.encode()).decode(),
                              responseHeaders=[{"name": "Content-Type", "value": "application/json"}])
                else:
                    self.call("Fetch.continueRequest", requestId=request)
            except BrowserError as error:
                if "Invalid InterceptionId" not in str(error):  # the page has given the request up
                    raise

    def release(self):
        self._answer_held()
        self._fail_with = None
        self.call("Fetch.disable")
        self._held.clear()  # what came in meanwhile goes on by itself

    def call(self, method, seconds=PATIENCE_S, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + seconds
        while True:
            answer = self._receive(deadline)
            if "method" in answer:
                self._note(answer)
            elif answer["id"] == message["id"]:
                if "error" in answer:
                    raise BrowserError(method + ": " + answer["error"]["message"])
                return answer["result"]

    def run(self, expression, seconds=PATIENCE_S):
        """The value of a JavaScript expression; a promise is awaited."""
        result = self.call("Runtime.evaluate", seconds, expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise BrowserError(expression[:200] + ": " + json.dumps(result["exceptionDetails"])[:800])
        return result["result"].get("value")

    def wait(self, expression, seconds=PATIENCE_S):
        """Until the expression is true, asked once a frame inside the page."""
        if self._fail_with:
            return self._wait_answering(expression, seconds)
        done = self.run("new Promise((resolve) => { const end = performance.now() + %d; const look = () => { let ok = false;"
                        " try { ok = Boolean(%s); } catch {} if (ok || performance.now() > end) resolve(ok);"
                        " else requestAnimationFrame(look); }; look(); })" % (seconds * 1000, expression), seconds + 10)
        if not done:
            raise BrowserError("never true: " + expression)

    def _wait_answering(self, expression, seconds):
        deadline = time.monotonic() + seconds
        while not self.run("Boolean(%s)" % expression):
            self._answer_held()
            if time.monotonic() > deadline:
                raise BrowserError("never true: " + expression)

    def open(self, url):
        """Loads the page anew, also where only what stands behind the '#' or nothing of the address changed."""
        self.run("window.leaving = true")
        self.call("Page.navigate", url=url)
        self.wait("!window.leaving && document.readyState === 'complete'")

    def resize(self, width, height, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def dark(self, on):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme",
                                                           "value": "dark" if on else "light"}])

    def press(self, key, code=None, text=None, modifiers=0):
        numbers = {"Tab": 9, "Enter": 13, "ArrowDown": 40, "ArrowUp": 38, " ": 32}
        about = {"key": key, "code": code or key, "windowsVirtualKeyCode": numbers.get(key, 0), "modifiers": modifiers}
        if text or key == "Enter":
            about["text"] = text or "\r"
        self.call("Input.dispatchKeyEvent", type="keyDown", **about)
        about.pop("text", None)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def screenshot(self, path, selector=None, height=None):
        """The top of the page, or one element of it."""
        shape = ("(() => { const r = document.querySelector(%s).getBoundingClientRect(); return {x: r.x + scrollX - 12,"
                 " y: r.y + scrollY - 12, width: r.width + 24, height: r.height + 24}; })()" % json.dumps(selector)
                 if selector else "({x: 0, y: 0, width: innerWidth, height: %d})" % height)
        clip = dict(self.run(shape), scale=1)
        data = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
        with open(path, "wb") as out:
            out.write(base64.b64decode(data))
