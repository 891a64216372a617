"""What the reports of finished runs say, and that they are whole pages."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import COMPETITION, OZON, ROOT, as_written, ozon_config, ozon_workspace
from ozon_offers import NO_OTHERS

from goods.budget.fallback import submit_as
from goods.cards.table import load_cards
from goods.config.loading import load_experiment
from goods.core.artifacts import json_text, read_json, write_parquet
from goods.core.done import change
from goods.core.errors import GoodsError
from goods.report.page import PAGES, render
from goods.report.stage import write_report
from goods.stack.glossary import DECODED
from goods.stack.stage import stack
from goods.submit.stage import submit
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"


@pytest.mark.usefixtures("pictures")
def test_a_row_names_the_family_of_the_config_and_texts_are_escaped(ws, competition, tmp_path):
    cards = load_cards(ws)
    cards["title"] = "<b>" + cards.title
    cards["target"] = cards.target.where(cards.index % 7 > 0, 0)  # so that there are errors to show
    write_parquet(ws.cards, cards)
    as_written(ws.prepared)
    train(ws, competition, load_experiment(CONFIGS / "linear.yaml", ["name=clip"]))
    settings = ["model.experiments=[clip]", "model.methods=[best_single, catboost]", "model.iterations=5"]
    config = load_experiment(CONFIGS / "stack.yaml", settings)
    stack(ws, competition, config)
    page = write_report(ws, competition, config, tmp_path)
    assert dead_links(page) == []
    html = page.read_text(encoding="utf-8")
    assert '<td>clip<td class="short">linear\n' in html
    assert '<td>stack: catboost<td class="short">stack\n' in html
    assert "<h3>&lt;b&gt;" in html and "<h3><b>" not in html
    assert '<tr><td>cards<td class="n">240<td class="n">40</tr>' in html
    rows = re.findall(r'<tr><td>(.+)<td class="n">(.+)<td class="n">(.+)</tr>', html.split("What it took")[2])
    took = {name: (float(seconds), int(mb.replace(",", ""))) for name, seconds, mb in rows[:3]}
    assert list(took) == ["prepare", "clip", "stack"]
    assert all(seconds > 0 and memory > 50 for seconds, memory in took.values())
    assert "http://" not in html.replace("http://www.w3.org", "") and "https://" not in html


def dead_links(page: Path) -> list[str]:
    """Of a page, to files that are not there."""
    links = re.findall(r'href="([^"#]+)"', page.read_text(encoding="utf-8"))
    return [link for link in links if not (page.parent / unquote(link)).exists()]


def test_a_page_links_the_submission_once_there_is_one_or_its_run_is_about_to_write_it(
    trained_pairs, tmp_path
):
    config = ozon_config("stack", *NO_OTHERS)
    page = write_report(trained_pairs, OZON, config, tmp_path, submits=True)
    assert dead_links(page) == ["result.parquet"]
    made = page.read_text(encoding="utf-8")
    submit(trained_pairs, OZON, "stack", tmp_path)
    write_report(trained_pairs, OZON, config, tmp_path)
    assert page.read_text(encoding="utf-8") == made and dead_links(page) == []


def test_an_order_that_tells_the_class_has_its_figures_in_the_report(ws, competition, tmp_path):
    config = load_experiment(CONFIGS / "linear.yaml")
    train(ws, competition, config)
    assert "tells the class" not in write_report(ws, competition, config, tmp_path / "a").read_text("utf-8")
    found = {"target": "shop", "same": 0.988, "chance": 0.017}
    orders = [
        found | {"order": "ids", "tells": True},
        found | {"order": "rows", "same": 0.02, "tells": False},
    ]
    change(ws.prepared, "door.json", json_text(read_json(ws.door) | {"order": orders}))
    html = write_report(ws, competition, config, tmp_path / "b").read_text("utf-8")
    assert "<h3>Order of ids tells the class</h3>" in html
    assert '<td>shop<td>ids<td class="n">98.8<td class="n">1.7</tr>' in html


@pytest.mark.usefixtures("pictures")
def test_the_report_of_pairs_and_of_what_has_none(trained_pairs, tmp_path):
    page = write_report(trained_pairs, OZON, ozon_config("stack", *NO_OTHERS), tmp_path)
    assert dead_links(page) == []
    html = page.read_text("utf-8")
    assert "<td>stack\n" in html and "cat3_grouped" in html and "What it took" in html
    assert "standard deviation over folds). Area under" in html and '<th class="told">what it is' in html
    with pytest.raises(GoodsError, match="words is of family pair_words; name one of family pairs"):
        write_report(trained_pairs, OZON, ozon_config("words"), tmp_path)


def test_a_page_says_what_stands_alone_for_pairs(offers, tmp_path):
    ws = ozon_workspace(tmp_path / "work", offers)
    train(ws, OZON, ozon_config("words"))
    alone = submit_as(ws, OZON, ozon_config("words"), "stack")
    html = write_report(ws, OZON, alone, tmp_path).read_text("utf-8")
    assert "<td>stack\n" in html and "Agreement" not in html


@pytest.mark.parametrize("name", ["report.css", "report.js", "base.html.j2"])
def test_a_change_of_a_template_makes_the_page_again(ws, competition, tmp_path, monkeypatch, name):
    config = load_experiment(CONFIGS / "linear.yaml")
    train(ws, competition, config)
    path = write_report(ws, competition, config, tmp_path)
    made, source = path.stat().st_mtime_ns, PAGES.loader.get_source

    def changed(environment, template):
        text, *rest = source(environment, template)
        return (text + "\n" if template == name else text, *rest)

    monkeypatch.setattr(PAGES.loader, "get_source", changed)
    write_report(ws, competition, config, tmp_path)
    assert path.stat().st_mtime_ns != made


PAGE_NAMES = [n for n in PAGES.list_templates() if n.endswith(".j2") and not n.startswith("base")]


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_every_page_has_the_one_stylesheet(name):
    source = PAGES.loader.get_source(PAGES, name)[0]
    assert '{% extends "base.html.j2" %}' in source and "<style>" not in source


def test_a_page_of_probes_without_maps():
    html = render("probe", name="a & b", sections={"Probes": [{"embedding": "e", "kNN": "–"}]}, pictures=[])
    assert html.startswith("<!doctype html>") and "<title>a &amp; b: probes</title>" in html
    assert html.count("<table>") == 1 and "<img" not in html and "max-width: 80rem" in html


@pytest.fixture(scope="module")
def tuned_report(tuned_run) -> str:
    """The page of a stack whose linear model a study has tuned on fold 0."""
    options, _ = tuned_run
    return (options.out / COMPETITION.name / "report.html").read_text(encoding="utf-8")


def test_a_report_says_which_class_each_decoder_submits(tuned_report):
    section = tuned_report.split("Decoding</h3>")[1].split("<details>")[0]
    for name, said in DECODED.items():
        assert f"<code>{name}</code>: {said}" in section
    assert '<th class="n parts">weighted<wbr>_f1' in section  # so that all of them are seen at once


def test_a_report_says_which_scores_a_tuned_fold_is_left_out_of(tuned_report):
    assert (
        "Fold 0 chose parameters in a study: what was tuned on it, and the stack, is scored" in tuned_report
    )
    assert (
        "left out of every score" not in tuned_report
        and "hollow: a fold that chose its parameters" in tuned_report
    )


def test_a_report_names_a_depth_of_candidates_once_and_words_only_where_they_tell_more_than_chance(
    tuned_report,
):
    depths = re.search(r"models' first\s+([\d, ]+) classes", tuned_report)[1].split(", ")
    assert len(depths) == len(set(depths))
    assert ("no more than chance would tell" in tuned_report) == ("Words of test" not in tuned_report)
