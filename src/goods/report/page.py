"""Pages of HTML from templates/, and pictures as text inside them."""

from __future__ import annotations

import base64
import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from goods.core.hashing import content_hash
from goods.core.wording import count
from goods.submit.ledger import git_sha

PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("goods.report"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
)
INK = "#010203"  # stands for the colour of the page's text, whatever it is
PAGES.globals["count"] = count
PAGES.filters["breaking"] = lambda name: Markup("<wbr>_").join(name.split("_"))
DRAWN: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def render(template: str, **values: Any) -> str:
    """The page of templates/<template>.html.j2; texts in `values` are escaped."""
    return PAGES.get_template(f"{template}.html.j2").render({"key": None, **values})


def made_now() -> dict[str, str]:
    """When a page is made, and by which commit."""
    return {"made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "commit": git_sha()}


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


def templates_key() -> str:
    """Hash of all that pages are made of besides code: their templates, stylesheet and script."""
    assert PAGES.loader is not None
    names = PAGES.list_templates()
    return content_hash([(name, PAGES.loader.get_source(PAGES, name)[0]) for name in names])


def holds(path: Path, key: str) -> bool:
    """Whether there is a page at `path` that was rendered with this key."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return f'<meta name="goods-key" content="{key}">' in file.read(2_000)
