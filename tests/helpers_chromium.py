"""Headless Chromium, driven over a pipe: pages as people see them, without a network."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
# Text and what lies behind it: a colour with alpha is mixed with the one below.
LOOK = """
(() => {
  const colour = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const mix = (top, below) => { const a = top[3] ?? 1; return [0, 1, 2].map(i => top[i] * a + below[i] * (1 - a)) };
  const paper = node => {
    if (!node) return [255, 255, 255];
    const own = colour(getComputedStyle(node).backgroundColor), opaque = own.length === 3;
    return opaque ? own : mix(own, paper(node.parentElement));
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) {
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest("title, style") || !parent.getClientRects().length) continue;
    const style = getComputedStyle(parent), back = paper(parent);
    const ink = mix(colour(parent.closest("svg") ? style.fill : style.color), back);
    const [low, high] = [light(ink), light(back)].sort((a, b) => a - b);
    const box = document.createRange();
    box.selectNodeContents(node);
    texts.push({text: node.data.trim().slice(0, 60), contrast: (high + .05) / (low + .05),
      height: box.getBoundingClientRect().height});
  }
  const root = document.documentElement;
  return {width: root.clientWidth, needed: root.scrollWidth, paper: paper(document.body), texts};
})()
"""


class Browser:
    """A browser with one page."""

    def __init__(self, write: Any, read: Any) -> None:
        self._write, self._read, self._last, self.complaints = write, read, 0, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **values: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol, and return its answer."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": values}
        session = getattr(self, "_session", None)
        self._write.write(json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        self._write.flush()
        while (answer := self._next()).get("id") != self._last:
            self._note(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        content = bytearray()
        while (letter := self._read.read(1)) != b"\0":
            assert letter, "Chromium has ended"
            content += letter
        return json.loads(content)

    def _note(self, event: dict[str, Any]) -> None:
        """Keep what a console would show in red, and each address that is not the file itself."""
        method, values = event.get("method"), event.get("params", {})
        if method == "Log.entryAdded" and values["entry"]["level"] in ("error", "warning"):
            self.complaints.append(values["entry"]["text"])
        if method == "Runtime.exceptionThrown" or (method == "Runtime.consoleAPICalled" and values["type"] == "error"):
            self.complaints.append(json.dumps(values))
        if method == "Network.requestWillBeSent" and not values["request"]["url"].startswith("file:"):
            self.complaints.append(values["request"]["url"][:200])

    def look(self, page: Path, width: int, theme: str) -> dict[str, Any]:
        """Open a page, and return its size and every text with its contrast to what lies behind it."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        self.call("Page.navigate", url=page.resolve().as_uri())
        while self._value("document.readyState") != "complete" or self._value("location.href") == "about:blank":
            pass
        return self._value(LOOK)

    def _value(self, expression: str) -> Any:
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"]["value"]

    def picture(self, path: Path) -> None:
        """Write a picture of the whole page."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Start Chromium with a profile in a folder."""
    to_child, write = os.pipe()
    read, from_child = os.pipe()
    options = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --remote-debugging-pipe"
    )
    # The protocol's pipes are the descriptors 3 and 4.
    command = f'exec 3<&{to_child} 4>&{from_child}; exec "$@"'
    process = subprocess.Popen(
        [
            "bash",
            "-c",
            command,
            "bash",
            CHROMIUM,
            *options.split(),
            "--remote-debugging-pipe",
            f"--user-data-dir={folder}",
        ],
        pass_fds=(to_child, from_child),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    os.close(to_child)
    os.close(from_child)
    try:
        with os.fdopen(write, "wb") as sent, os.fdopen(read, "rb") as received:
            yield Browser(sent, received)
    finally:
        process.kill()
        process.wait()
