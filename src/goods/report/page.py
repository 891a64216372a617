"""Pages of HTML from templates/, and pictures as text inside them."""

from __future__ import annotations

import base64
import io
from typing import Any

import jinja2
from matplotlib.figure import Figure

PAGES = jinja2.Environment(loader=jinja2.PackageLoader("goods.report"), autoescape=True)


def render(template: str, **values: Any) -> str:
    """The page of templates/<template>.html.j2; texts in `values` are escaped."""
    return PAGES.get_template(f"{template}.html.j2").render(values)


def plain_label(name: str) -> str:
    """As matplotlib shows it: no formulas, and no label that it would hide."""
    return " " + name.replace("$", r"\$")


def png(figure: Figure, dpi: int) -> str:
    """The picture, base64, the same bytes every time."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return base64.b64encode(stream.getvalue()).decode()
