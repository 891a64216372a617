"""Pictures and tables of a report are read on a light page and a dark one, on a screen and on a telephone."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from browser import BROWSER, shown
from conftest import ROOT

from goods.cards.labels import Labels
from goods.core.predictions import Predictions
from goods.report import board, classes, curves
from goods.report.classes import f1_by_size
from goods.report.confusion import branch_maps
from goods.report.curves import folds_plot
from goods.report.judged import Judged

pytestmark = pytest.mark.usefixtures("pictures")
CSS = (ROOT / "src/goods/report/templates/report.css").read_text(encoding="utf-8")
PAPERS = re.findall(r"--paper: (#\w+)", CSS)  # of a light page, and of a dark one
FOLDS = [{"name": "linear", "folds": [0.1, 0.8, 0.9], "tuned_on": [0]}]
SIZES = [{"train": train, "f1": 0.7} for train in (41, 48, 50)]


def rgb(colour: str) -> np.ndarray:
    """Red, green and blue, 0 … 1, of #rgb or #rrggbb."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    return np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """Of two colours, 1 … 21 (WCAG 2)."""
    luminances = []
    for colour in (one, other):
        linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        luminances.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def scores() -> str:
    rows = pd.DataFrame({"score": [0.5, 0.6], "board": [0.4, 0.6], "sd": [0.1, 0.1]})
    return str(board.picture(rows, "macro_f1"))


@pytest.mark.parametrize("draw", [lambda: folds_plot(FOLDS), lambda: f1_by_size(SIZES), scores])
def test_dots_and_lines_stand_out_from_both_papers(draw):
    styles = re.findall(r'style="([^"]*)"', str(draw()))
    drawn = set()
    for kind in ("fill", "stroke"):
        for style in styles:
            given = dict(part.split(": ") for part in style.split("; ") if ": " in part)
            if re.fullmatch(r"#\w+", colour := given.get(kind, "")) and colour not in ("#888888", "#ffffff"):
                opacity = given.get(f"{kind}-opacity", given.get("opacity", "1"))
                drawn.add((colour, float(opacity)))
    assert drawn and len(PAPERS) == 2
    for paper in map(rgb, PAPERS):
        for colour, opacity in drawn:
            assert contrast(opacity * rgb(colour) + (1 - opacity) * paper, paper) >= 3, (colour, opacity)


def test_a_fold_that_chose_parameters_is_hollow_and_out_of_the_mean(monkeypatch):
    monkeypatch.setattr(curves, "svg", lambda figure, name: figure)
    (axis,) = folds_plot(FOLDS).axes
    *dots, bar = axis.collections
    hollow = [dot.get_offsets()[:, 0].tolist() for dot in dots if not len(dot.get_facecolor())]
    assert hollow == [[0.1]] and bar.get_offsets()[0, 0] == pytest.approx(0.85)
    assert "filled" in axis.get_xlabel()
    assert axis.get_ylim()[0] < -0.3 and axis.get_ylim()[1] > 0.3  # no dot lies on the frame
    (axis,) = folds_plot([FOLDS[0] | {"tuned_on": []}]).axes
    assert "their mean" in axis.get_xlabel()


@pytest.mark.parametrize("sizes", [(41, 48, 50), (1, 1394), (7,)])
def test_sizes_of_classes_are_ticked_as_whole_numbers(sizes, monkeypatch):
    monkeypatch.setattr(classes, "svg", lambda figure, name: figure)
    figure = f1_by_size([{"train": train, "f1": 0.7} for train in sizes])
    figure.draw_without_rendering()
    (axis,) = figure.axes
    low, high = axis.get_xlim()
    said = [tick.label1.get_text() for tick in axis.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    assert len(said) >= 2 and all(re.fullmatch(r"[\d,.]+", text) for text in said)
    assert not [tick for tick in axis.xaxis.get_minor_ticks() if tick.label1.get_text()]


TABLES = """<div class="scroll"><table><thead><tr><th>class<th>id<th class="n">train cards<th class="n">F1
<th class="n">precision<th class="n">recall<th>taken most often for</tr></thead><tbody>
<tr><td>для женщин<td class="short">10099<td class="n">41<td class="n">0.667<td class="n">0.741<td class="n">0.606
<td>для мужчин (9)</tr></tbody></table></div>
<div class="scroll"><table><tr><td><span>expected_hierarchical_f1</span><td class="title">TITLE<td>для женщин
<td>для мужчин<td class="n">0.017<td class="n">0.974</tr></table></div>"""
WATCH = """<script>addEventListener("load", () => {
  const rows = [...document.querySelector("table").rows], boxes = [...document.querySelectorAll(".scroll")];
  document.documentElement.dataset.seen = JSON.stringify({
    name: document.querySelectorAll("table")[1].rows[0].cells[0].firstElementChild.getBoundingClientRect().height,
    heights: rows.map((row) => row.offsetHeight), beyond: boxes.map((box) => box.scrollWidth - box.clientWidth),
  });
});</script>"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page with")
@pytest.mark.parametrize("width", [400, 1280])
def test_columns_of_words_are_neither_squeezed_nor_pushed_off_by_a_long_one(tmp_path, width):
    body = TABLES.replace("TITLE", "название" * 15)
    seen = shown(
        f"<!doctype html><html><head><style>{CSS}</style></head><body>{body}</body></html>",
        WATCH,
        tmp_path,
        width,
    )
    assert max(seen["heights"]) < 60  # two lines
    assert width == 400 or seen["beyond"] == [0, 0]
    assert seen["name"] < 30  # one line


LETTERS = """<script>addEventListener("load", () => {
  const sizes = [...document.querySelectorAll("svg text")].map((text) => {
    const drawn = text.getScreenCTM();
    return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(drawn.a, drawn.b);
  });
  document.documentElement.dataset.seen = JSON.stringify([Math.min(...sizes), sizes.length]);
});</script>"""


def of_many_classes(n: int) -> Judged:
    """A card of each of n classes below the root, and each is taken for the next."""
    names = [f"Замороженные полуфабрикаты {c}" for c in range(n)]
    labels = Labels(list(range(n)), [(name,) for name in names], [(str(c),) for c in range(n)])
    cards = pd.DataFrame({"product_id": range(n), "target": range(n), "fold": 0})
    said = ((np.arange(n) + 1) % n).astype(np.int32)[:, None]
    oof = Predictions(cards.product_id.to_numpy(), said, np.full((n, 1), 0.9, np.float32))
    report = {"metric": "accuracy", "tuned_on": []}
    return Judged("x", cards, cards.head(0), labels, report, oof, np.ones(n, np.int64))


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page with")
@pytest.mark.parametrize("width", [400, 1280])
def test_names_on_the_largest_heat_map_can_be_read(tmp_path, width):
    ((_, drawn),) = branch_maps(of_many_classes(14))
    six = 6 * f"<figure>{drawn}</figure>"
    html = f'<!doctype html><html><head><style>{CSS}</style></head><body><div class="plots maps">{six}</div>'
    smallest, texts = shown(html, LETTERS, tmp_path, width)
    assert texts > 6 * 2 * 13 and smallest > 9
