"""Pages pass axe-core, light and dark: contrast, names, what the keyboard reaches."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from conftest import OZON, ROOT, ozon_config
from ozon_offers import NO_OTHERS
from test_report_sections import BROWSER

from goods.config.loading import load_experiment
from goods.core.artifacts import json_text, read_json
from goods.core.done import change
from goods.report.page import render
from goods.report.stage import write_report
from goods.train.stage import train

AXE = "axe-core@4.14.1"
DARK = "@media (prefers-color-scheme: dark)"
PLANTED = '<img src="data:,"><p style="color: #ccc; background: #fff">faint</p>'
RUN = """<script>addEventListener("load", () => axe.run(document, {resultTypes: ["violations"]}).then((result) => {
  document.documentElement.dataset.axe = JSON.stringify(result.violations.map((violation) =>
    [violation.id, ...violation.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))]));
}));</script>"""

pytestmark = [
    pytest.mark.usefixtures("pictures"),
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium to open pages with"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="no npm to get axe-core with"),
]


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("axe")
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), AXE]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"npm cannot install {AXE}: {error}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def violations(html: str, axe: str, folder: Path) -> list[list[str]]:
    """Rules that a page breaks, each with some of the elements; everything that unfolds is open."""
    page = folder / "page.html"
    shown = html.replace("<details>", "<details open>").replace(
        "</body>", f"<script>{axe}</script>{RUN}</body>"
    )
    page.write_text(shown, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000", "--dump-dom"]
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [BROWSER, *flags, profile, "--window-size=1280,900", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    return json.loads(unescape(re.search(r'data-axe="([^"]*)"', dom)[1]))


def check(html: str, axe: str, folder: Path) -> None:
    assert DARK in html
    assert violations(html, axe, folder) == []
    assert violations(html.replace(DARK, "@media all"), axe, folder) == []


def test_a_report_of_cards(ws, competition, tmp_path, axe):
    found = {"target": "shop", "order": "ids", "same": 0.988, "chance": 0.017, "tells": True}
    told = {"order": [found], "warnings": ["the order of ids tells the class"]}
    change(ws.prepared, "door.json", json_text(read_json(ws.door) | told))
    config = load_experiment(ROOT / "configs" / "kazanexpress2023" / "linear.yaml")
    train(ws, competition, config)
    html = write_report(ws, competition, config, tmp_path).read_text(encoding="utf-8")
    check(html, axe, tmp_path)
    planted = violations(html.replace("<main>", f"<main>{PLANTED}"), axe, tmp_path)
    assert [rule for rule, *_ in planted] == ["color-contrast", "image-alt"]  # the test can fail


def test_a_report_of_pairs(trained_pairs, tmp_path, axe):
    page = write_report(trained_pairs, OZON, ozon_config("stack", *NO_OTHERS), tmp_path)
    check(page.read_text(encoding="utf-8"), axe, tmp_path)


def test_a_page_of_probes(tmp_path, axe):
    picture = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    html = render(
        "probe",
        name="demo",
        sections={"Probes": [{"embedding": "e", "kNN": "0.9"}]},
        pictures=[("A map", picture)],
    )
    check(html, axe, tmp_path)
