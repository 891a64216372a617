"""What the HTML reports share: their style, and pictures as text."""

from __future__ import annotations

import base64
import io

from matplotlib.figure import Figure

STYLE = """
<style>
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .7rem; border-bottom: 1px solid #ddd }
th { text-align: left } td.n { text-align: right; font-variant-numeric: tabular-nums } .best { font-weight: 600 }
</style>"""


def png(figure: Figure, dpi: int) -> str:
    """The picture, base64, the same bytes every time."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return base64.b64encode(stream.getvalue()).decode()
