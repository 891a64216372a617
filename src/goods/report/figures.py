"""Pictures as text inside pages: matplotlib's, in the colours of the page."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#010203"  # stands for the colour of the page's text, whatever it is
DRAWN: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def plain_label(name: str) -> str:
    """As matplotlib shows it: no formulas, and no label that it would hide."""
    return " " + name.replace("$", r"\$")


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of so many inches and its axes."""
    with matplotlib.rc_context(DRAWN):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def svg(figure: Figure, name: str) -> Markup:
    """The picture as an <svg> element in the page's own colours, the same every time; `name`, one per picture of a
    page, keeps what it refers to apart from the others'. Its alternative text is the figure's caption."""
    for axis in figure.axes:
        if (legend := axis.get_legend()) is not None:  # which takes its colour where it is made
            for label in legend.get_texts():
                label.set_color(INK)
    stream = io.StringIO()
    with matplotlib.rc_context({**DRAWN, "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL).replace(
        INK, "currentColor"
    )
    used = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r' id="([\w-]+)"', lambda m: m[0] if m[1] in used else "", text)
    return Markup(text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))


def png(figure: Figure, dpi: int) -> str:
    """The picture, base64, the same bytes every time."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return base64.b64encode(stream.getvalue()).decode()
