"""Chromium without a window, driven by the DevTools protocol through a pipe: real pointers, keys and pages."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60.0  # seconds within which a page must do what is waited for


class Page:
    """A page in a browser.

    Attributes:
        said: What it, or the browser about it, wrote to the console.
    """

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._rest, self._number = write, read, b"", 0
        self._session: str | None = None
        self.said: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Return what the browser answers to a command of its protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            if answer.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                self.said.append(json.dumps(answer["params"]))

    def open(self, address: str) -> None:
        """Go to an address and wait until its page is there."""
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def value(self, script: str) -> Any:
        """Return what a script comes to, once its promise is kept where it is one."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, script: str, *, until: Callable[[Any], bool] = bool) -> Any:
        """Return what a script comes to as soon as that is as it should be."""
        deadline = time.monotonic() + PATIENCE
        while not until(found := self.value(script)):
            assert time.monotonic() < deadline, f"{script} stays {found!r}"
            time.sleep(0.02)
        return found

    def draw(self, *strokes: Sequence[tuple[float, float]], finger: bool = False) -> None:
        """Draw strokes on the page's canvas, through points from (0, 0), its top left, to (1, 1)."""
        for stroke in strokes:
            if finger:
                self.touch("touchStart", {1: stroke[0]})
                for point in stroke[1:]:
                    self.touch("touchMove", {1: point})
                self.touch("touchEnd", {})
            else:
                kinds = ["mousePressed", *["mouseMoved"] * len(stroke[1:]), "mouseReleased"]
                for kind, at in zip(kinds, self._on_canvas([*stroke, stroke[-1]]), strict=True):
                    self.call("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **at)

    def touch(self, kind: str, fingers: dict[int, tuple[float, float]]) -> None:
        """Tell what fingers do on the canvas: the place of each, by its number."""
        places = zip(fingers, self._on_canvas([*fingers.values()]), strict=True)
        points = [{"id": number, **at} for number, at in places]
        self.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    def _on_canvas(self, points: Sequence[tuple[float, float]]) -> list[dict[str, float]]:
        box = "document.querySelector('canvas').getBoundingClientRect()"
        left, top, width, height = self.value(f"(b => [b.left, b.top, b.width, b.height])({box})")
        return [{"x": left + x * width, "y": top + y * height} for x, y in points]

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, where the focus is."""
        for key in keys:
            text = {"text": key} if len(key) == 1 else {}
            self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def click(self, selector: str) -> None:
        """Click on an element's middle."""
        x, y = self.value(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
            f" return [b.left + b.width / 2, b.top + b.height / 2] }})(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """Show the page in a window of that size, in pixels, to a user who prefers light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def barriers(self) -> list[str]:
        """Return what axe-core finds against the page."""
        self.value((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8") + "; 0")
        run = "axe.run().then(found => JSON.stringify([found.passes, found.violations].map(r => r.map(e => e.id))))"
        passes, violations = json.loads(self.value(run))
        assert "color-contrast" in passes
        return violations

    def _next(self) -> Any:
        while b"\0" not in self._rest:
            readable, _, _ = select.select([self._read], [], [], PATIENCE)
            assert readable, "the browser says nothing"
            part = os.read(self._read, 2**16)
            assert part, "the browser has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Yield an empty page of a browser whose profile lies in a folder, or skip the test where there is no browser."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium")
    to_browser, ours = os.pipe()
    theirs, from_browser = os.pipe()[::-1]
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={folder}"]
    # Chromium reads at 3 and writes at 4, which may be ours: the pipes first move out of the way.
    start = (
        "import os, sys; from fcntl import F_DUPFD, fcntl; "
        "pipes = [fcntl(int(each), F_DUPFD, 10) for each in sys.argv[1:3]]; "
        "[os.dup2(pipe, 3 + i) for i, pipe in enumerate(pipes)]"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", f"{start}; os.execvp(sys.argv[3], sys.argv[3:])", str(to_browser), str(theirs),
         chromium, *flags],
        pass_fds=(to_browser, theirs), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_browser)
    os.close(theirs)
    try:
        yield Page(ours, from_browser)
    finally:
        started.terminate()
        with suppress(subprocess.TimeoutExpired):
            started.wait(5)
        started.kill()
        started.wait()
        os.close(ours)
        os.close(from_browser)
