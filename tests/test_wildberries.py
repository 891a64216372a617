"""The Wildberries school: files of its format → four attributes, each a competition of its own."""

from __future__ import annotations

import io
import re
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from browser import BROWSER, shown
from conftest import ROOT, small_configs
from sklearn.metrics import f1_score

from goods.budget.limits import Budget
from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.competitions.loading import load_competition
from goods.competitions.wildberries import ATTRIBUTES, read_school
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.pipeline import run_all
from goods.prepare.folds import load_folds, make_folds
from goods.prepare.prepared import parts
from goods.prepare.stage import prepare
from goods.presets import Options
from goods.report.summary import tell_end
from goods.submit.prediction import predict_file
from goods.train.stage import train

CONFIGS = ROOT / "configs"


@pytest.fixture(scope="module")
def prepared_work(tmp_path_factory, written_school, attributes):
    made = Workspace(tmp_path_factory.mktemp("prepared") / "work", "wildberries")
    prepare(made, attributes, written_school)
    return made.root


@pytest.fixture
def ws(tmp_path, prepared_work):
    return Workspace(shutil.copytree(prepared_work, tmp_path / "work"), "wildberries")


def test_each_attribute_is_a_competition_of_its_known_cards(ws, attributes, school):
    whole = load_cards(ws)
    raw = read_school(school).cards
    assert (whole.split == "train").sum() == 180
    assert whole.image.notna().all()
    assert (whole.target == -1).all()
    assert not whole.attributes.str.contains(
        "Пол|Сезон|Возраст|Хрупк"
    ).any()  # no target is left among the text
    for name in attributes.targets:
        space = ws.target(name)
        cards, labels = load_cards(space), Labels.load(space)
        classes = [path[-1] for path in labels.paths]
        assert tuple(classes) == ATTRIBUTES[name].classes
        known = raw[raw[f"target_{name}"].notna()]
        train_cards = select(cards, "train")
        assert train_cards.product_id.tolist() == known.product_id.tolist()
        assert [classes[t] for t in train_cards.target] == known[f"target_{name}"].tolist()
        assert (cards.split == "test").sum() == 30
        assert (whole[f"target_{name}"] >= 0).sum() == len(train_cards)
        assert space.cache == ws.cache  # features are computed once for all attributes


def test_folds_of_an_attribute_are_stratified_by_it(ws, attributes):
    for name in attributes.targets:
        make_folds(ws.target(name), attributes.of_target(name))
        cards = select(load_cards(ws.target(name)), "train")
        fold = load_folds(ws.target(name), cards)
        counts = pd.crosstab(fold, cards.target)
        assert (counts.max() - counts.min() <= 1).all()


def test_an_attribute_of_too_few_cards_for_the_folds_is_named(ws, attributes):
    of_sex = attributes.of_target("sex").model_copy(update={"n_folds": 200})
    told = r"^attribute sex: \d+ groups of cards cannot fill 200 folds; lower n_folds"
    with pytest.raises(GoodsError, match=told):
        make_folds(ws.target("sex"), of_sex)


def test_all_attributes_that_nothing_can_be_learned_of_are_told_together(tmp_path, school, attributes):
    path = school / "wb_school_train.parquet"
    train = pd.read_parquet(path)
    train.assign(characteristics=train.characteristics[0]).to_parquet(path)
    ws = Workspace(tmp_path / "work", "wildberries")
    with pytest.raises(GoodsError) as caught:
        prepare(ws, attributes, school)
    told = ", ".join(f"{name} (of 1 class)" for name in attributes.targets)
    assert str(caught.value).startswith(f"attributes {told}: ")
    assert not ws.cards.exists()


def test_the_whole_way_to_a_result_with_confidences(tmp_path, school, run_script):
    targets = ("sex", "fragility")
    configs = small_configs(tmp_path / "configs", "wildberries", ["linear", "image-frozen"])
    file = configs / "wildberries" / "competition.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "targets": list(targets)}))
    options = Options(
        configs=configs, work=tmp_path / "work", out=tmp_path / "out", data=school, offline=True
    )
    line = run_all("wildberries", options)
    path = tmp_path / "out/wildberries/result.parquet"
    assert line.startswith(f"result: {path} rows=30 macro_f1=")
    table = pd.read_parquet(path)
    test = pd.read_parquet(school / "wb_school_test.parquet")
    assert list(table.columns) == [
        "nm",
        *(c for name in targets for c in (name, f"{name}_confidence")),
    ]
    assert table.nm.tolist() == test.nm.tolist()
    by_title = (
        test.title.str.split()
        .str[0]
        .map({"платье": "для женщин", "галстук": "для мужчин", "ползунки": "для детей"})
    )
    assert (table.sex.to_numpy() == by_title.to_numpy()).mean() > 0.9
    compared = (path.parent / "comparison.md").read_text(encoding="utf-8")
    assert compared.count("(linear)") == 2 and compared.count("(image-frozen)") == 2
    scores = [read_json(tmp_path / f"work/wildberries/{name}/runs/stack/report.json") for name in targets]
    assert f"macro_f1={np.mean([s['score'] for s in scores]):.4f}" in line
    assert "binary_f1" in scores[1]["scores"] and "binary_f1" not in scores[0]["scores"]
    html = (path.parent / "sex" / "report.html").read_text(encoding="utf-8")
    assert ", 3 classes ·" in html  # of the five, those of train cards
    assert (
        html.count("macro_f1<th") == 1 and "macro F1<th class" not in html.split("Experiments</h2>")[1][:900]
    )
    assert "both in one network" not in path.with_name("report.html").read_text(encoding="utf-8")
    check_overview(path.with_name("report.html"), targets)
    before = path.read_bytes()
    run_all("wildberries", options)
    assert path.read_bytes() == before
    # the same models label new cards
    competition = load_competition("wildberries", configs)
    ws = Workspace(tmp_path / "work", "wildberries")
    out = tmp_path / "new.parquet"
    predict_file(ws, competition, "linear", school / "wb_school_test.parquet", None, out)
    new = pd.read_parquet(out)
    assert list(new.columns) == list(table.columns)
    expected = Predictions.load(ws.target("sex").run("linear").test).aligned(new.nm.to_numpy())
    assert np.allclose(new.sex_confidence, expected.proba[:, 0], atol=1e-5)


def check_overview(page, targets):
    """One page has a row and a section for each attribute, and every link of it leads to a file."""
    html = page.read_text(encoding="utf-8")
    table = pd.read_html(io.StringIO(html), attrs={"id": "attribute-table"}, encoding="utf-8")[0]
    assert table.attribute.tolist() == list(targets)
    for row in table.itertuples():
        space = Workspace(page.parents[2] / "work", f"wildberries/{row.attribute}")
        report, train = read_json(space.run("stack").report), select(load_cards(space), "train")
        assert [row.macro_f1, row._6] == pytest.approx([report["score"], report["sd"]], abs=6e-5)
        always = np.full(len(train), train.target.mode()[0])
        assert row._7 == pytest.approx(f1_score(train.target, always, average="macro"), abs=6e-5)
        assert row.known == len(train)
    spaces = [Workspace(page.parents[2] / "work", f"wildberries/{name}") for name in targets]
    assert ("Filed: cards" in html) == any(read_json(s.run("stack").report).get("coverage") for s in spaces)
    links = re.findall(r'href="([^"#]+)"', html)
    assert {f"{name}/report.html" for name in targets} <= set(links)
    copies = list(page.parent.glob("20*/report.html"))
    for one in (page, *copies):
        for below in (one, *(one.parent / name / "report.html" for name in targets)):
            links = re.findall(r'<a href="([^"#]+)"', below.read_text(encoding="utf-8"))
            assert links and all((below.parent / link).is_file() for link in links)
    assert [copy.read_bytes() == page.read_bytes() for copy in copies] == [True]


WATCH = """<script>
const problems = [];
addEventListener("error", (event) => problems.push(event.message));
addEventListener("load", () => {
  const table = document.getElementById("attribute-table");
  table.tHead.rows[0].cells[4].querySelector("button").click();
  document.documentElement.dataset.seen = JSON.stringify({
    problems, width: document.documentElement.scrollWidth - innerWidth,
    scores: [...table.tBodies[0].rows].map((row) => parseFloat(row.cells[4].textContent)),
    outside: performance.getEntriesByType("resource").filter((entry) => !entry.name.startsWith("data:")).length,
  });
});
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page with")
@pytest.mark.parametrize("width", [400, 1280])
def test_a_browser_shows_the_page_on_all_attributes(ws, attributes, tmp_path, run_script, width):
    config = load_experiment(CONFIGS / "wildberries" / "linear.yaml")
    for space, of_target in parts(ws, attributes):
        make_folds(space, of_target)
        train(space, of_target, config)
    out = tmp_path / "out"
    code, printed, _ = run_script("report", "wildberries", "linear", "--work", ws.root, "--out", out)
    page = out / "wildberries" / "report-linear.html"  # the submission's is what joins experiments
    assert code == 0 and printed.strip() == str(page)
    seen = shown(page.read_text(encoding="utf-8"), WATCH, tmp_path, width)
    assert seen["problems"] == [] and seen["outside"] == 0 and seen["width"] <= 0
    assert len(seen["scores"]) == 4 and seen["scores"] == sorted(seen["scores"], reverse=True)


def test_attributes_without_time_for_a_stack_are_still_answered(tmp_path, school, capsys):
    configs = small_configs(tmp_path / "configs", "wildberries", ["linear"])
    options = Options(configs, tmp_path / "work", tmp_path / "out", school, budget=Budget(seconds=1e-3))
    assert "rows=30 macro_f1=" in run_all("wildberries", options)
    err = capsys.readouterr().err.splitlines()
    told = [line for line in err if line.startswith("estimate: ")]
    assert len(told) == 1 and told[0].endswith("done, 4 targets together; 0 s are left")
    assert not [line for line in err if line.startswith("|")]  # markdown is for comparison.md
    between = err[max(i for i, line in enumerate(err) if line.startswith("prepare: ")) + 1 :]
    ended = next(i for i, line in enumerate(between) if line == "wildberries: submit")
    targets = ("sex", "age_restrictions", "season", "fragility")
    named = tuple(f"{start}{name}: " for name in targets for start in ("", "warning: ", "wildberries/"))
    assert not [line for line in between[:ended] if not line.startswith((*named, "estimate: ", "  "))]
    assert any(line.startswith("fragility: folds: ") for line in between)
    assert pd.read_parquet(tmp_path / "out/wildberries/result.parquet").notna().all(axis=None)
    html = (tmp_path / "out/wildberries/report.html").read_text(encoding="utf-8")
    assert html.count('id="attribute-') == 5  # a table, and a section for each attribute
    assert "/report.html" not in html  # none has a page of its own


def test_a_narrow_terminal_shows_experiments_below_the_name_of_their_attribute(
    ws, attributes, tmp_path, monkeypatch, capsys
):
    for space, of_target in parts(ws, attributes):
        make_folds(space, of_target)
        train(space, of_target, load_experiment(CONFIGS / "wildberries" / "linear.yaml"))
    result = tmp_path / "out" / "wildberries" / "result.parquet"
    result.parent.mkdir(parents=True)
    result.touch()
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    capsys.readouterr()
    tell_end(ws, attributes, "linear", result)
    table = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().err.split("written:")[0])
    assert max(map(len, table.splitlines())) <= 60
    names = [line.split("│")[1].strip() for line in table.splitlines() if line.startswith("│")]
    assert [name for name in names if name] == [
        "prepare",
        *(n for t in ATTRIBUTES for n in (f"{t}:", "linear")),
    ]
    for name in ATTRIBUTES:
        assert f"{read_json(ws.target(name).run('linear').report)['score']:.4f}" in table


def test_status_stays_in_columns_with_names_of_attributes(ws, attributes, run_script):
    make_folds(ws.target("age_restrictions"), attributes.of_target("age_restrictions"))
    code, out, _ = run_script("status", "wildberries", "--work", ws.root)
    sizes = {line.find(" MB") for line in out.splitlines()[:-1]}
    assert code == 0 and "age_restrictions/image-frozen" in out and len(sizes) == 1


def test_scripts_ask_for_the_target(ws, run_script):
    linear = CONFIGS / "wildberries" / "linear.yaml"
    code, _, err = run_script("train", linear, "--work", ws.root)
    assert code == 2 and "add --target NAME: sex, age_restrictions, season, fragility" in err
    code, _, err = run_script("train", linear, "--work", ws.root, "--target", "colour")
    assert code == 2 and "has no target 'colour': its targets are sex" in err
    code, _, err = run_script("train", CONFIGS / "demo" / "linear.yaml", "--work", ws.root, "--target", "sex")
    assert code == 2 and "has a single target" in err


def test_an_attribute_is_trained_alone(ws, attributes):
    space, of_target = ws.target("sex"), attributes.of_target("sex")
    make_folds(space, of_target)
    train(space, of_target, load_experiment(CONFIGS / "wildberries" / "linear.yaml"))
    assert read_json(space.run("linear").report)["score"] > 0.9
    assert not ws.target("season").run("linear").path.exists()


def test_missing_texts_and_unreadable_characteristics_are_noted_and_kept(tmp_path, school, attributes):
    path = school / "wb_school_test.parquet"
    frame = pd.read_parquet(path)
    frame.loc[0, "title"], frame.loc[1, "description"] = "", None
    frame.loc[2, "characteristics"] = b"[{'charcName': oops"
    frame.drop(columns=["brand", "price"]).to_parquet(path, index=False)
    ws = Workspace(tmp_path / "work", "wildberries")
    prepare(ws, attributes, school)
    cards = load_cards(ws).set_index("product_id")
    assert cards.title[5000] == cards.description[5000]
    assert cards.description[5001] == cards.title[5001]
    assert len(select(cards.reset_index(), "test")) == 30
    issues = pd.read_parquet(ws.issues).set_index("product_id")
    assert issues.problem[5000] == "empty title"
    assert "unreadable" in issues.problem[5002]


def test_rows_are_counted_from_nought_whatever_index_was_saved(tmp_path, school, attributes):
    path = school / "wb_school_train.parquet"
    frame = pd.read_parquet(path)
    frame.loc[5, "title"] = ""
    frame.iloc[4:].to_parquet(path)
    ws = Workspace(tmp_path / "work", "wildberries")
    prepare(ws, attributes, school)
    issues = pd.read_parquet(ws.issues).set_index("product_id")
    assert issues.problem[1005] == "empty title"


def test_a_study_of_a_target_leaves_the_common_encoders_alone(ws, attributes, run_script):
    settings = ["pretrain.epochs=1", "image.size=32", "text.width=16", "width=16", "trainer.epochs=1"]
    sets = [part for setting in settings for part in ("--set", f"model.{setting}")]
    clip = CONFIGS / "wildberries" / "clip.yaml"
    assert run_script("pretrain", clip, "--work", ws.root, *sets)[0] == 0
    (folder,) = ws.cache.glob("pair-*/DONE")
    trained_at = folder.stat().st_mtime_ns
    make_folds(ws.target("sex"), load_competition("wildberries/sex", CONFIGS))
    study = (
        "tune={trials: 1, folds: [0], startup_trials: 1, shares: [1.0], space: {hidden: {choices: [16, 32]}}}"
    )
    code, _, err = run_script("tune", clip, "--work", ws.root, "--target", "sex", *sets, "--set", study)
    assert code == 0, err
    assert folder.stat().st_mtime_ns == trained_at
