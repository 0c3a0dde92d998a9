"""A headless Chromium that a test drives by its debugging protocol, as a person uses a browser."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support.dagster_servers import until

NAMES = ("chromium", "chromium-browser", "google-chrome")
FIND = """
(words, exact) => {
  const shown = [...document.querySelectorAll("a, button, [role=button]")].filter(
    element => element.getClientRects().length
      && (exact ? element.innerText.trim() === words : element.innerText.includes(words)));
  return shown[0];
}
"""


def installed() -> str:
    """The path of a browser; without one the test is skipped."""
    browser = next((path for name in NAMES if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip("there is no Chromium on this machine")
    return browser


class Tab:
    """The one tab of a browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._calls = 0
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Calls a method of the debugging protocol; its result."""
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("method") == "Log.entryAdded":
                self.errors.append(str(answer["params"]["entry"].get("text")))
            if answer.get("id") == self._calls:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def run(self, script: str) -> Any:  # noqa: ANN401 - JSON
        """The value of an expression on the page."""
        result = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def open(self, address: str) -> None:
        """Opens an address."""
        self.call("Page.navigate", url=address)
        until(lambda: self.run("document.readyState") == "complete", seconds=30)

    @property
    def address(self) -> str:
        """Where the tab is."""
        return str(self.run("location.href"))

    @property
    def text(self) -> str:
        """What the page shows, with single spaces."""
        return " ".join(str(self.run("document.body ? document.body.innerText : ''")).split())

    def see(self, *words: str, seconds: float = 30) -> str:
        """Waits until the page shows the words; all of its text."""
        end = time.monotonic() + seconds
        while missing := [text for text in words if text not in self.text]:
            assert time.monotonic() < end, (missing, self.address, self.text)
            time.sleep(0.1)
        return self.text

    def click(self, words: str, *, exact: bool = True, seconds: float = 30) -> None:
        """Clicks the first link or button that shows these words, once there is one."""
        find = f"({FIND})({json.dumps(words)}, {json.dumps(exact)})"
        end = time.monotonic() + seconds
        while not self.run(f"(found => found ? (found.click(), true) : false)({find})"):
            assert time.monotonic() < end, (words, self.address, self.text)
            time.sleep(0.1)

    def link(self, address: str) -> str:
        """The target of the first link whose text is this address."""
        script = "[...document.links].find(link => link.innerText === %s).getAttribute('href')"
        return str(self.run(script % json.dumps(address)))

    def rows(self) -> list[list[str]]:
        """The cells of all rows of all tables."""
        script = "[...document.querySelectorAll('tr')].map(row => [...row.cells].map(cell => cell.innerText))"
        rows: list[list[str]] = self.run(script)
        return rows

    def write(self, selector: str, text: str) -> None:
        """Types a text into a field, once there is one."""
        field = f"document.querySelector({json.dumps(selector)})"
        until(lambda: self.run(f"{field} !== null"), seconds=30)
        self.run(f"{field}.focus()")
        self.call("Input.insertText", text=text)

    def screen(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """Sets the size of the window and the scheme of its colours."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=phone,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, file: Path) -> None:
        """Writes what the window shows as a PNG."""
        shown = self.call("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(shown["data"]))


@contextmanager
def browser(profile: Path) -> Iterator[Path]:
    """A browser that is about to start, and the file that will name its port; skipped where there is none.

    Args:
        profile: a folder for the browser's own files.
    """
    profile.mkdir(exist_ok=True)
    port = profile / "DevToolsActivePort"
    port.unlink(missing_ok=True)  # of a browser that was killed
    with subprocess.Popen(
        [
            installed(), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,900",
            "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            yield port
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:  # a busy machine
                process.kill()


@contextmanager
def first_tab(port: Path) -> Iterator[Tab]:
    """The one tab of a browser, when it has started."""
    until(lambda: port.is_file() and port.read_text().count("\n"), seconds=60)
    listing = f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json/list"
    tabs: list[dict[str, str]] = []

    def opened() -> bool:
        tabs[:] = [tab for tab in httpx.get(listing).json() if tab["type"] == "page"]
        return bool(tabs)

    until(opened, seconds=60)
    with connect(tabs[0]["webSocketDebuggerUrl"], max_size=None) as socket:
        yield Tab(socket)
