"""One who uses a page in a browser: types, presses, gives files and reads. Wants the package websocket-client."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conftest import ROOT

SEEN = "[...document.querySelectorAll(KIND)].filter((one) => one.offsetParent)"
FIELD = SEEN.replace("KIND", '"label"') + (
    ".find((label) => label.innerText.trim() === NAME)?.querySelector('input, textarea')"
)
BUTTON = SEEN.replace("KIND", '"button"') + ".find((button) => button.innerText.trim() === NAME)"

BROKEN = r"""(() => { const broken = [];
  for (const found of document.querySelectorAll(SELECTOR)) {
    const texts = document.createTreeWalker(found, NodeFilter.SHOW_TEXT), range = document.createRange();
    while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/[\p{L}\d]+/gu)) {
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((line) => line.top)).size > 1) broken.push(word[0]);
    } }
  return broken })()"""


class Visitor:
    def __init__(self, tab: Any, url: str, width: int) -> None:
        self.tab = tab
        self.resized(width)
        tab.call("Page.navigate", url=url)

    def resized(self, width: int) -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.tab.call("Emulation.setDeviceMetricsOverride", **size)

    def types(self, label: str, text: str) -> None:
        field = FIELD.replace("NAME", json.dumps(label))
        self.tab.wait(f"Boolean({field})")
        self.tab.value(f"{field}.focus()")
        self.tab.call("Input.insertText", text=text)
        assert self.tab.value(f"{field}.value") == text

    def presses(self, name: str) -> None:
        button = BUTTON.replace("NAME", json.dumps(name))
        self.tab.wait(f"Boolean({button})")
        self.tab.value(f"{button}.click()")

    def opens(self, name: str) -> None:
        """A part of the page, by the name of its tab, which answers once the page has come alive."""
        button = BUTTON.replace('"button"', '"[role=tab]"').replace("NAME", json.dumps(name))
        self.tab.wait(f"(() => {{ const it = {button}; it?.click(); return it?.ariaSelected === 'true' }})()")

    def gives(self, file: Path) -> None:
        """To the one place of the page that takes files of its kind."""
        wanted = f'input[type=file][accept*="{file.suffix}"]'
        places = f"[...document.querySelectorAll({json.dumps(wanted)})]"
        self.tab.wait(f"{places}.length === 1")
        place = self.tab.call("Runtime.evaluate", expression=f"{places}[0]")["result"]["objectId"]
        self.tab.call("DOM.setFileInputFiles", files=[str(file)], objectId=place)
        self.tab.wait(f"document.body.innerText.includes({json.dumps(file.stem)})")

    def reads(self, selector: str) -> list[str]:
        """Texts of what the selector finds, once it finds something with a text."""
        texts = f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.innerText.trim())"
        return self.tab.wait(f"(() => {{ const texts = {texts}; return texts.some(Boolean) && texts }})()")

    def broken(self, selector: str) -> list[str]:
        """Words that do not stand on one line in what the selector finds."""
        return self.tab.value(BROKEN.replace("SELECTOR", json.dumps(selector)))

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return self.tab.value("document.documentElement.scrollWidth - innerWidth")


@contextmanager
def visit(url: str, width: int = 1280) -> Iterator[Visitor]:
    spec = importlib.util.spec_from_file_location("page", ROOT / "benchmarks" / "page.py")
    assert spec is not None and spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    with page.tab() as tab:
        yield Visitor(tab, url, width)
