"""How long a page takes to open in Chromium: of a file of this machine, over the DevTools protocol. Wants the extra
`browser`, and Chromium.

reads:  pages, such as submissions/<competition>/report.html
writes: a row per page to stdout

    python benchmarks/page.py submissions/kazanexpress2023/report.html
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WATCH = """window.tasks = []; new PerformanceObserver((list) => { for (const task of list.getEntries())
  tasks.push(task.duration) }).observe({type: "longtask", buffered: true})"""
READ = """({load: performance.getEntriesByType("navigation")[0].loadEventEnd,
  paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
  task: Math.max(0, ...tasks)})"""
PATIENCE = 60  # seconds
BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)


class Tab:
    """A tab of a browser that listens at `address`."""

    def __init__(self, address: str) -> None:
        from websocket import create_connection

        self.socket, self.number = create_connection(address, timeout=PATIENCE), 0

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        """What the browser answers; KeyError where it knows no such method or refuses it."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": given}))
        while (told := json.loads(self.socket.recv())).get("id") != self.number:
            pass
        return told["result"]

    def value(self, script: str) -> Any:
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait(self, script: str) -> Any:
        """The script's value once it is a true one."""
        until = time.monotonic() + PATIENCE
        while not (value := self.value(script)):
            assert time.monotonic() < until, f"not so after {PATIENCE} s: {script}"
            time.sleep(0.1)
        return value

    def opened(self, page: Path) -> dict[str, float]:
        """Milliseconds from the start: of the load event, of the first paint; and of the longest task."""
        self.call("Page.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        self.call("Page.navigate", url=page.resolve().as_uri())
        self.wait('performance.getEntriesByType("navigation")[0]?.loadEventEnd')
        time.sleep(1)  # what the page does after it
        return self.value(READ)


@contextmanager
def tab() -> Iterator[Tab]:
    """Of a browser of its own, which has nothing cached."""
    assert BROWSER is not None
    # what the browser leaves running for a moment may still write there
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        flags += ["--remote-allow-origins=*", f"--user-data-dir={folder}"]
        running = subprocess.Popen([BROWSER, *flags], stderr=subprocess.DEVNULL)
        try:
            port = Path(folder) / "DevToolsActivePort"
            until = time.monotonic() + PATIENCE
            while not port.is_file() or not port.read_text():
                assert time.monotonic() < until, "the browser does not start"
                time.sleep(0.1)
            listed = f"http://127.0.0.1:{port.read_text().split()[0]}/json"
            tabs = json.load(urllib.request.urlopen(listed))
            yield Tab(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
        finally:
            running.terminate()
            running.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", type=Path, nargs="+")
    args = parser.parse_args()
    if BROWSER is None or find_spec("websocket") is None:
        parser.error("pages are opened in a browser: install chromium, and pip install 'goods[browser]'")
    print("page  MB  loaded, s  first paint, s  longest task, s")
    for page in args.pages:
        with tab() as fresh:
            found = fresh.opened(page)
        times = "  ".join(f"{found[name] / 1000:.2f}" for name in ("load", "paint", "task"))
        print(f"{page}  {page.stat().st_size / 1e6:.2f}  {times}")


if __name__ == "__main__":
    main()
