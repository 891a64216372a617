"""The page: a tab for a card or a pair, and one for a file. Needs the extra `app` (gradio)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from goods.app.card_answers import CardAnswers, as_tree, escaped
from goods.app.pair_answers import PairAnswers
from goods.competitions.loading import competition_of
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.matching.glossary import described
from goods.report.reasons import Explained
from goods.stack import glossary
from goods.submit.prediction import predict_file

if TYPE_CHECKING:
    import gradio

REASONS = 8
# deeper lists of a tree are no smaller than the first, unlike those of a text; words of a table are whole on a phone
STYLE = """<style>.tree li { font-size: var(--text-md) !important }
.table { --font-mono: var(--font); --text-md: 0.85rem }
.table [role=gridcell], .table th { padding-inline: 0.3rem }</style>"""


def page_of(ws: Workspace, competition: CompetitionConfig, experiment: str) -> gradio.Blocks:
    """GoodsError where gradio is not installed or the experiment is not finished."""
    gr = gradio_module()
    with gr.Blocks(title=f"goods: {ws.competition}", analytics_enabled=False) as page:
        gr.Markdown(f"# {escaped(ws.competition)}: {escaped(experiment)}")
        gr.HTML(STYLE, padding=False)
        if competition_of(competition).problem == "pairs":
            with gr.Tab("Two products"):
                pair_tab(gr, PairAnswers(ws, competition, experiment))
        else:
            with gr.Tab("A card"):
                card_tab(gr, CardAnswers(ws, competition, experiment))
        if competition_of(competition).read_new is not None:
            with gr.Tab("A file"):
                file_tab(gr, ws, competition, experiment)
    return page


def gradio_module() -> Any:
    try:
        import gradio
    except ModuleNotFoundError:
        raise GoodsError(
            "package gradio: the app needs it; install it: .venv/bin/pip install 'gradio>=6'"
        ) from None
    return gradio


def card_tab(gr: Any, answers: CardAnswers) -> None:
    with gr.Row():
        with gr.Column():
            title = gr.Textbox(label="Title")
            description = gr.Textbox(label="Description", lines=4)
            attributes = gr.Textbox(label="Attributes", lines=3)
            shop = gr.Textbox(label="Shop or brand")
            photo = gr.Image(label="Photo", type="pil", sources=["upload", "clipboard"])
            asked = gr.Button("Which category?", variant="primary")
        with gr.Column():
            label = gr.Label(label="Categories", num_top_classes=5)
            tree = gr.Markdown(label="Tree", elem_classes="tree")
            reasons = table_of(gr, "What speaks for the first category or against it", ["56%", "22%", "22%"])
            nearest = table_of(gr, "Train cards with the most similar titles", ["40%", "32%", "28%"])

    def answer(title: str, description: str, attributes: str, shop: str, photo: Any) -> tuple:
        texts = {"title": title, "description": description, "attributes": attributes, "shop": shop}
        said = answers.answer({name: text or "" for name, text in texts.items()}, photo)
        first = {" → ".join(path): proba for path, proba in said.categories}
        return (
            first,
            as_tree(said.categories),
            reason_table(said.reasons[:1], glossary.description),
            said.nearest,
        )

    given = [title, description, attributes, shop, photo]
    asked.click(answer, given, [label, tree, reasons, nearest], api_name="card", concurrency_limit=1)
    title.submit(answer, given, [label, tree, reasons, nearest], api_name=False, concurrency_limit=1)


def pair_tab(gr: Any, answers: PairAnswers) -> None:
    with gr.Row():
        names = [gr.Textbox(label=f"Name of the {which} product", lines=2) for which in ("first", "second")]
    with gr.Row():
        attributes = [
            gr.Textbox(label=f"Attributes of the {which}", lines=5, placeholder="brand: Acme\ncolour: black")
            for which in ("first", "second")
        ]
    asked = gr.Button("The same product?", variant="primary")
    label = gr.Label(label="Answer")
    reasons = table_of(gr, "Why", ["60%", "20%", "20%"])

    def answer(first: str, second: str, of_first: str, of_second: str) -> tuple:
        said = answers.answer((first or "", second or ""), (of_first or "", of_second or ""))
        return {"the same": said.proba, "not the same": 1 - said.proba}, reason_table([said], described)

    asked.click(answer, [*names, *attributes], [label, reasons], api_name="pair", concurrency_limit=1)


def file_tab(gr: Any, ws: Workspace, competition: CompetitionConfig, experiment: str) -> None:
    gr.Markdown(
        "A parquet or csv file like the contest's test file; back comes a file with a label for each card."
    )
    given = gr.File(label="Cards", type="filepath", file_types=[".parquet", ".csv"])
    asked = gr.Button("Label them", variant="primary")
    labelled = gr.File(label="Labelled")
    folder = tempfile.TemporaryDirectory(prefix="goods-app-")  # of what is labelled, gone with the page

    def answer(path: str | None) -> str:
        if path is None:
            raise gr.Error("Choose a file first.")
        out = Path(tempfile.mkdtemp(dir=folder.name)) / f"labelled{Path(path).suffix}"
        try:
            predict_file(ws, competition, experiment, Path(path), None, out)
        except GoodsError as error:
            raise gr.Error(str(error)) from None
        return str(out)

    asked.click(answer, given, labelled, api_name="file", concurrency_limit=1)


def table_of(gr: Any, label: str, widths: list[str]) -> Any:
    """A table whose cells are shown whole, on a narrow screen too."""
    return gr.Dataframe(
        label=label, interactive=False, wrap=True, column_widths=widths, max_height=1200, elem_classes="table"
    )


def reason_table(explained: list[Explained], told: Callable[[str], str]) -> pd.DataFrame:
    """`told` says what a feature is."""
    rows = [
        {"feature": told(r.feature) or r.feature, "value": r.told, "adds": round(r.contribution, 3)}
        for one in explained
        for r in one.reasons[:REASONS]
    ]
    return pd.DataFrame(rows, columns=["feature", "value", "adds"])
