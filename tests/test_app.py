"""The app's answers, and its page where gradio is installed."""

from __future__ import annotations

import socket
import sys
import urllib.request
from importlib.util import find_spec
from inspect import cleandoc
from io import BytesIO
from types import SimpleNamespace

import pandas as pd
import pytest
from browser import BROWSER
from conftest import OZON, ROOT
from PIL import Image
from visitor import visit

from goods.app.card_answers import CardAnswers, as_tree
from goods.app.page import page_of, picture, reason_table
from goods.app.pair_answers import PairAnswers
from goods.app.serving import check_address
from goods.app.shares import as_bars, told
from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.errors import GoodsError, told_as
from goods.matching.attributes import told_attributes
from goods.stack.glossary import description
from goods.stack.stage import stack
from goods.submit.raw_batches import check_file

CONFIGS = ROOT / "configs" / "kazanexpress2023"
HAS_GRADIO = find_spec("gradio") is not None


def in_a_browser(test):
    has_client = find_spec("websocket") is not None
    for missing, reason in (
        (not HAS_GRADIO, "gradio is not installed"),
        (BROWSER is None, "no Chromium to open the page with"),
        (not has_client, "websocket-client is not installed: pip install 'goods[browser]'"),
    ):
        test = pytest.mark.skipif(missing, reason=reason)(test)
    return pytest.mark.slow(test)


@pytest.fixture
def stacked(trained, competition):
    settings = ["model.experiments=[linear]", "model.methods=[best_single, catboost]", "model.iterations=5"]
    stack(trained, competition, load_experiment(CONFIGS / "stack.yaml", settings))
    return trained


def test_a_typed_card_gets_the_category_of_its_words_with_reasons_and_likes(stacked, competition):
    answers = CardAnswers(stacked, competition, "stack")
    said = answers.answer({"title": "<b>кружка</b> керамическая подарочная"})
    (path, proba), *_ = said.categories
    assert path[-1] == "Кружки" and proba > 0.5
    assert said.reasons[0].category == "Дом → Кружки" and said.reasons[0].reasons
    assert set(said.nearest.category[:2]) == {"Дом → Кружки"}
    likeness = said.nearest.likeness.tolist()  # what the page shows
    assert likeness == [round(value, 3) for value in likeness]
    table = reason_table(said.reasons[:1], description)
    assert len(table) == 8 and "_" not in "".join(table.feature)
    empty = answers.answer({}, Image.new("RGB", (20, 20)))
    assert len(empty.categories) == 6 and empty.nearest.empty
    assert answers.answer({}, Image.new("RGB", (70_000, 8))).categories == empty.categories


def test_cards_without_a_word_in_any_title_are_like_no_other(trained, competition, monkeypatch):
    monkeypatch.setattr("goods.app.card_answers.load_cards", lambda ws: load_cards(ws).assign(title=""))
    said = CardAnswers(trained, competition, "linear").answer({"title": "кружка"})
    assert said.categories and said.nearest.empty


def test_a_single_experiment_answers_without_reasons(trained, competition):
    card = select(load_cards(trained), "test").iloc[0]
    said = CardAnswers(trained, competition, "linear").answer(
        {"title": card.title, "description": card.description}
    )
    assert said.categories and said.reasons == []


def test_a_tree_adds_up_what_is_below_a_node_and_escapes_names():
    tree = as_tree([(("A", "a<b>"), 0.5), (("B", "c"), 0.3), (("A", "d"), 0.2)])
    lines = [
        "- A **70.0%**",
        "    - a\\<b\\> **50.0%**",
        "    - d **20.0%**",
        "- B **30.0%**",
        "    - c **30.0%**",
    ]
    assert tree.splitlines()[1:] == lines


def test_a_tree_of_one_top_keeps_its_steps_in_what_gradio_makes_of_a_text():
    assert cleandoc(as_tree([(("A", "a"), 1.0)])) == "- A **100.0%**\n    - a **100.0%**"


def test_two_typed_products_are_told_alike_or_apart(trained_pairs):
    answers = PairAnswers(trained_pairs, OZON, "stack")
    same = answers.answer(("phone x1 64gb black",) * 2, ("brand: acme\ncolour: black",) * 2)
    other = answers.answer(("phone x1 64gb black", "wooden chair"), ("brand: acme", "brand: oak\nno colon"))
    assert same.proba > other.proba
    marked = answers.answer(
        ("phone x1 64gb black", "<p>phone <b>x1</b> 64gb black</p>"), ("brand: acme",) * 2
    )
    assert marked.proba == answers.answer(("phone x1 64gb black",) * 2, ("brand: acme",) * 2).proba
    assert same.reasons and told_attributes("Brand : Acme\nx\n:y\nbrand: B".splitlines()) == {
        "brand": ["Acme", "B"]
    }


def test_a_tree_has_no_nodes_of_next_to_nothing():
    assert as_tree([(("A", "a"), 0.9), (("A", "b"), 0.0004), (("B", "c"), 0.0001)]).count("- ") == 2


def test_little_is_told_as_less_than_a_percent_and_names_are_escaped():
    assert [told(share) for share in (0.0, 0.004, 0.012, 0.5, 0.994, 1.0)] == [
        "< 1 %",
        "< 1 %",
        "1 %",
        "50 %",
        "> 99 %",
        "> 99 %",
    ]
    shown = as_bars([("a<b>", 0.996), ("c", 0.004)])
    assert "<b>" not in shown and ">&gt; 99 %<" in shown and ">&lt; 1 %<" in shown


def test_an_address_that_nobody_can_listen_at_is_one_message():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        for host, port, message in (
            ("127.0.0.1", taken, f"--port {taken}: another program listens there"),
            ("127.0.0.1", 99_999, "--port 99999: expected a number from 1 to 65535"),
            ("203.0.113.7", taken, "--host 203.0.113.7: is no address of this machine"),
            ("a" * 70, taken, "--host a+: is no address of this machine"),
        ):
            with pytest.raises(GoodsError, match=message):
                check_address(host, port)
    check_address("127.0.0.1", taken)


def test_a_photo_is_read_as_those_of_train_cards_are(tmp_path):
    class Refused(Exception):
        def __init__(self, message: str, print_exception: bool) -> None:
            super().__init__(message)
            assert not print_exception

    gr = SimpleNamespace(Error=Refused)
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    (tmp_path / "text.png").write_text("no photo")
    given = picture(gr, str(tmp_path / "clear.png"))
    assert picture(gr, None) is None and given is not None and given.getpixel((3, 3)) == (255, 255, 255)
    with pytest.raises(Refused, match="not an image"):
        picture(gr, str(tmp_path / "text.png"))


def test_without_gradio_one_message_says_what_to_install(ws, competition, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(GoodsError, match=r"^package gradio: the app needs it; pip install 'goods\[app\]'$"):
        page_of(ws, competition, "stack")


@pytest.fixture
def url(stacked, competition):
    """Address of the page of a stack."""
    page = page_of(stacked, competition, "stack")
    _, url, _ = page.queue().launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield url
    page.close()


@pytest.mark.slow
@pytest.mark.skipif(not HAS_GRADIO, reason="gradio is not installed")
def test_the_page_answers_over_http(url, shop, tmp_path):
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(url, verbose=False)
    label, tree, reasons, nearest, shares = client.predict(
        "кружка керамическая", "", "", "", None, api_name="/card"
    )
    assert label["label"] == "Дом → Кружки" and "Кружки" in tree and reasons["data"] and nearest["data"]
    assert ">Дом → Кружки<" in shares and "&lt; 1 %" in shares
    (tmp_path / "text.png").write_text("no photo")
    with pytest.raises(AppError, match=r"^The photo cannot be read: not an image"):
        client.predict("кружка", "", "", "", handle_file(tmp_path / "text.png"), api_name="/card")
    labelled = client.predict(handle_file(str(shop / "test.parquet")), api_name="/file")
    assert len(pd.read_parquet(labelled)) == len(pd.read_parquet(shop / "test.parquet"))


@in_a_browser
@pytest.mark.parametrize("width", [400, 1280])
def test_a_typed_title_is_answered_in_a_browser(url, stacked, competition, width):
    said = CardAnswers(stacked, competition, "stack").answer({"title": "кружка керамическая"})
    why = reason_table(said.reasons[:1], description).feature.tolist()
    with visit(url, width) as visitor:
        visitor.types("Title", "кружка керамическая")
        visitor.presses("Which category?")
        (first, *_), (leaf, *_) = visitor.reads(".tree li"), visitor.reads(".tree li li")
        assert first.startswith("Дом ") and leaf.startswith("Кружки ") and leaf.endswith("%")
        cells = visitor.reads("[role=gridcell]")
        assert why and set(why) <= set(cells) and "Дом → Кружки" in cells
        assert visitor.broken("[role=gridcell], th") == [] and visitor.overflow() <= 0


@in_a_browser
def test_a_file_is_labelled_in_a_browser(url, shop):
    with visit(url) as visitor:
        visitor.opens("A file")
        visitor.gives(shop / "test.parquet")
        visitor.presses("Label them")
        visitor.reads('a[href$="labelled.parquet"]')
        link = visitor.tab.value("""document.querySelector('a[href$="labelled.parquet"]').href""")
        labelled = pd.read_parquet(BytesIO(urllib.request.urlopen(link).read()))
    assert len(labelled) == len(pd.read_parquet(shop / "test.parquet"))


def test_a_file_that_is_refused_is_told_by_the_name_it_was_given_by(tmp_path):
    file = tmp_path / "5f3a" / "cards.csv"
    with pytest.raises(GoodsError) as caught:
        check_file(file)
    assert (
        str(told_as(file.name, file, caught.value))
        == "cards.csv: no such file; name a parquet or csv file of cards"
    )
