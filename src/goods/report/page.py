"""Pages of HTML from templates/."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from goods.core.hashing import content_hash
from goods.core.wording import count
from goods.submit.ledger import git_sha

PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("goods.report"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
)
PAGES.globals["count"] = count
PAGES.filters["breaking"] = lambda name: Markup("<wbr>_").join(name.split("_"))


def render(template: str, **values: Any) -> str:
    """The page of templates/<template>.html.j2; texts in `values` are escaped."""
    return PAGES.get_template(f"{template}.html.j2").render({"key": None, **values})


def made_now() -> dict[str, str]:
    """When a page is made, and by which commit."""
    return {"made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "commit": git_sha()}


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
