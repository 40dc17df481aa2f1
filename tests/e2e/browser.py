# SPDX-License-Identifier: MIT
"""A headless Chromium by plain WebDriver: pages, scripts, screenshots, what the console said."""
import atexit
import base64
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request

from harness import fail, free_port, wait_until


class Browser:
    def __init__(self, width=1100, height=1000, dark=False):
        driver = shutil.which("chromedriver")
        if not driver:
            fail("chromedriver is not there: apt-get install chromium chromium-driver")
        self.port = free_port()
        self.profile = tempfile.mkdtemp(prefix="penstock-browser-")
        self.process = subprocess.Popen([driver, f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "HOME": self.profile})
        self.session = None
        atexit.register(self.close)
        wait_until(self._is_up, 30, "chromedriver answers")
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--hide-scrollbars",
                     f"--user-data-dir={self.profile}", f"--window-size={width},{height}"]
        options = {"args": arguments + (["--blink-settings=preferredColorScheme=0"] if dark else [])}
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}}, timeout=90)
        self.session = answer["sessionId"]
        # Headless windows have a least width of their own: the size of the page is set by itself.
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def _call(self, method, path, body=None, timeout=30):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            fail(f"WebDriver {method} {path}: {error.read().decode(errors='replace')[:500]}")

    def _is_up(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status", timeout=5) as answer:
                return json.load(answer)["value"]["ready"]
        except OSError:
            return False

    def cdp(self, command, **parameters):
        return self._call("POST", f"/session/{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self._call("POST", f"/session/{self.session}/url", {"url": url})

    def run(self, script):
        """The value of a function's body in the page."""
        return self._call("POST", f"/session/{self.session}/execute/sync", {"script": script, "args": []})

    def complaints(self):
        """Errors of scripts, of the network, of the page's policy, since the last time."""
        return [line for line in self._call("POST", f"/session/{self.session}/se/log", {"type": "browser"}) if line["level"] in ("SEVERE", "WARNING")]

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self._call("GET", f"/session/{self.session}/screenshot")))

    def close(self):
        if self.session:
            try:
                urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{self.port}/session/{self.session}", method="DELETE"), timeout=10).close()
            except OSError:
                pass
            self.session = None
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        shutil.rmtree(self.profile, ignore_errors=True)
