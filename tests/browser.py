"""A page in a headless browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)


def shown(html: str, watch: str, folder: Path, width: int) -> Any:
    """What the script `watch`, put into the page, has left as JSON in the attribute data-seen of its root; the browser
    writes below `folder`."""
    page = folder / "watched.html"
    page.write_text(html.replace("<head>", "<head>" + watch), encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=4000",
        f"--window-size={width},900",
    ]
    assert BROWSER is not None
    found = subprocess.run(
        [BROWSER, *flags, f"--user-data-dir={folder / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    seen = re.search(r'data-seen="([^"]*)"', found)
    assert seen is not None, found[:500]
    return json.loads(unescape(seen[1]))
