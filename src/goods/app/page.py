"""The page: a tab for a card or a pair, and one for a file. Needs the extra `app` (gradio)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from goods.app.card_answers import CardAnswers, as_tree, escaped
from goods.app.pair_answers import PairAnswers
from goods.app.shares import STYLE as BARS
from goods.app.shares import as_bars
from goods.cards.decoding import ImageProblem, decode
from goods.competitions.loading import competition_of
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError, told_as
from goods.core.workspace import Workspace
from goods.matching.glossary import described
from goods.report.reasons import Explained
from goods.stack import glossary
from goods.submit.prediction import predict_file, sees_photos

if TYPE_CHECKING:
    import gradio
    from PIL import Image

REASONS, FIRST = 8, 5  # lines of the table of reasons, categories with a bar
# deeper lists of a tree are no smaller than the first, unlike those of a text; words of a table are whole on a phone
STYLE = f"""<style>{BARS}
.tree li {{ font-size: var(--text-md) !important }}
.table {{ --font-mono: var(--font); --text-md: 0.85rem }}
.table [role=gridcell], .table th {{ padding-inline: 0.3rem }}</style>"""


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
                card_tab(gr, CardAnswers(ws, competition, experiment), sees_photos(ws, experiment))
        if competition_of(competition).read_new is not None:
            with gr.Tab("A file"):
                file_tab(gr, ws, competition, experiment)
    return page


def gradio_module() -> Any:
    try:
        import gradio
    except ModuleNotFoundError:
        raise GoodsError("package gradio: the app needs it; pip install 'goods[app]'") from None
    return gradio


def card_tab(gr: Any, answers: CardAnswers, with_photo: bool) -> None:
    with gr.Row():
        with gr.Column():
            title = gr.Textbox(label="Title")
            description = gr.Textbox(label="Description", lines=4)
            attributes = gr.Textbox(label="Attributes", lines=3)
            shop = gr.Textbox(label="Shop or brand")
            # a file as it came: made RGB by gradio, colours that nobody sees would be seen where it is transparent
            photo = gr.Image(
                label="Photo",
                type="filepath",
                image_mode=None,
                sources=["upload", "clipboard"],
                visible=with_photo,
            )
            photo.preprocess = also_unreadable(photo.preprocess)
            asked = gr.Button("Which category?", variant="primary")
        with gr.Column():
            label = gr.Label(label="Category")
            shares = gr.HTML()
            tree = gr.Markdown(label="Tree", elem_classes="tree")
            has_reasons = answers.predictor.stack is not None
            told_by = "What speaks for the first category or against it"
            reasons = table_of(gr, told_by, ["56%", "22%", "22%"], visible=has_reasons)
            nearest = table_of(gr, "Train cards with the most similar titles", ["40%", "32%", "28%"])

    def answer(title: str, description: str, attributes: str, shop: str, photo: str | None) -> tuple:
        texts = {"title": title, "description": description, "attributes": attributes, "shop": shop}
        if photo is None and not any(map(has_text, texts.values())):
            raise refusal(gr, "Type a title first" + (", or give a photo." if with_photo else "."))
        said = answers.answer({name: text or "" for name, text in texts.items()}, picture(gr, photo))
        named = [(" → ".join(path), proba) for path, proba in said.categories[:FIRST]]
        return (
            named[0][0],
            as_tree(said.categories),
            reason_table(said.reasons[:1], glossary.description),
            said.nearest,
            as_bars(named),
        )

    given, told = [title, description, attributes, shop, photo], [label, tree, reasons, nearest, shares]
    asked.click(answer, given, told, api_name="card", concurrency_limit=1)
    title.submit(answer, given, told, api_name=False, concurrency_limit=1)


def refusal(gr: Any, message: str) -> Exception:
    """What shows the message on the page, and no traceback on the terminal."""
    return gr.Error(message, print_exception=False)


def has_text(text: str | None) -> bool:
    return bool((text or "").strip())


def also_unreadable(preprocess: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """The path of a file that gradio cannot open too: `picture` then says why, in words of ours."""

    def path_of(payload: Any) -> str | None:
        try:
            return preprocess(payload)
        except Exception:  # of pillow, whatever broken bytes lead to
            return payload.path

    return path_of


def picture(gr: Any, path: str | None) -> Image.Image | None:
    """The photo that was given, read as those of the train cards are."""
    try:
        return None if path is None else decode(Path(path).read_bytes())
    except ImageProblem as problem:
        raise refusal(gr, f"The photo cannot be read: {problem}. Give another, or none.") from None


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
    shares = gr.HTML()
    reasons = table_of(gr, "Why", ["60%", "20%", "20%"])

    def answer(first: str, second: str, of_first: str, of_second: str) -> tuple:
        for which, texts in {"first": (first, of_first), "second": (second, of_second)}.items():
            if not any(map(has_text, texts)):
                raise refusal(gr, f"Type a name of the {which} product, or its attributes.")
        try:
            said = answers.answer((first or "", second or ""), (of_first or "", of_second or ""))
        except GoodsError as error:
            raise refusal(gr, str(error)) from None
        sides = [("the same", said.proba), ("not the same", 1 - said.proba)]
        sides.sort(key=lambda side: -side[1])
        return sides[0][0], reason_table([said], described), as_bars(sides)

    asked.click(answer, [*names, *attributes], [label, reasons, shares], api_name="pair", concurrency_limit=1)


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
            raise refusal(gr, "Choose a file first.")
        out = Path(tempfile.mkdtemp(dir=folder.name)) / f"labelled{Path(path).suffix}"
        try:
            predict_file(ws, competition, experiment, Path(path), None, out)
        except GoodsError as error:
            # where it lies meanwhile says nothing to whoever gave it
            raise refusal(gr, str(told_as(Path(path).name, Path(path), error))) from None
        return str(out)

    asked.click(answer, given, labelled, api_name="file", concurrency_limit=1)


def table_of(gr: Any, label: str, widths: list[str], visible: bool = True) -> Any:
    """A table whose cells are shown whole, on a narrow screen too."""
    return gr.Dataframe(
        label=label,
        interactive=False,
        wrap=True,
        column_widths=widths,
        max_height=1200,
        elem_classes="table",
        visible=visible,
    )


def reason_table(explained: list[Explained], told: Callable[[str], str]) -> pd.DataFrame:
    """`told` says what a feature is."""
    rows = [
        {"feature": told(r.feature) or r.feature, "value": r.told, "adds": round(r.contribution, 3)}
        for one in explained
        for r in one.reasons[:REASONS]
    ]
    return pd.DataFrame(rows, columns=["feature", "value", "adds"])
