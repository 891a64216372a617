"""New cards through the same door: formats, photos that are not there, rows that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, competition_config, write_shop

from goods.cards.table import Issues
from goods.config.loading import load_experiment
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.submit.catalogue import match_file, read_catalogue
from goods.submit.new_cards import read_new_cards
from goods.submit.prediction import predict_file
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"
COMPETITION = competition_config()
PHOTOS = ["model.backbone=small_cnn", "model.weights=scratch", "model.size=16", "model.trainer.epochs=1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Workspace, Path]:
    """A workspace with finished runs of a model of texts and one of photos, and its raw files."""
    folder = tmp_path_factory.mktemp("trained")
    shop = write_shop(folder / "shop", n_train=90, n_test=20, photos=True)
    ws = Workspace(folder / "work", COMPETITION.name)
    prepare(ws, COMPETITION, shop)
    make_folds(ws, COMPETITION)
    train(ws, COMPETITION, load_experiment(CONFIGS / "linear.yaml"))
    train(ws, COMPETITION, load_experiment(CONFIGS / "image-frozen.yaml", PHOTOS))
    return ws, shop


def predict(trained, out: Path, experiment: str = "linear", path: Path | None = None, images=None) -> Path:
    ws, shop = trained
    predict_file(ws, COMPETITION, experiment, path or shop / "test.parquet", images, out)
    return out


def test_new_cards_without_the_photos_an_experiment_looks_at_are_loud(trained, tmp_path, capsys):
    predict(trained, tmp_path / "new.parquet", "image-frozen")
    assert "warning: image-frozen looks at photos: 100% of the cards" in capsys.readouterr().err
    predict(trained, tmp_path / "new.parquet", "image-frozen", images=trained[1])
    predict(trained, tmp_path / "new.parquet", "linear")
    assert "warning" not in capsys.readouterr().err


def test_a_folder_without_photos_of_the_cards_is_refused(trained, tmp_path):
    wrong = write_shop(tmp_path / "wrong", n_test=1, photos=True) / "images" / "train"
    with pytest.raises(
        GoodsError, match=f"--images {wrong}: holds no photo .* photos named by id, such as images/test/"
    ):
        predict(trained, tmp_path / "new.parquet", images=wrong)
    assert not (tmp_path / "new.parquet").exists()


def test_csv_in_and_out_say_the_same_as_parquet(trained, tmp_path):
    pd.read_parquet(trained[1] / "test.parquet").to_csv(tmp_path / "cards.csv", index=False)
    plain = pd.read_parquet(predict(trained, tmp_path / "a.parquet"))
    written = pd.read_csv(predict(trained, tmp_path / "b.csv", path=tmp_path / "cards.csv"))
    assert list(written.columns) == list(plain.columns)
    assert written.predicted_category_id.tolist() == plain.predicted_category_id.tolist()


def test_csv_of_other_columns_is_named_by_its_own_name(trained, tmp_path):
    path = tmp_path / "cards.csv"
    path.write_text("product_id,name\n1,кружка\n", encoding="utf-8")
    with pytest.raises(GoodsError, match=f"^{path}: column 'text_fields' is missing"):
        predict(trained, tmp_path / "a.parquet", path=path)
    path.write_text("product_id,name\n1,2,3\n")
    with pytest.raises(GoodsError, match=f"^{path}: not a readable csv file"):
        predict(trained, tmp_path / "a.parquet", path=path)


def test_what_looks_like_numbers_dates_or_flags_in_csv_is_the_text_it_is(tmp_path):
    path, columns = tmp_path / "cards.csv", "id,title,short_description,name_value_characteristics\n"
    titles = ["0012", "2023-01-01", "true", "1e5", "NA"]
    config = competition_config(name="kazanexpress2022", reader="kazanexpress2022")
    for title in titles:
        path.write_text(f"{columns}9007199254740993,{title},{title},\n", encoding="utf-8")
        cards = read_new_cards(path, config, None, Issues())
        assert cards.product_id.tolist() == [9007199254740993]
        assert cards[["title", "description", "attributes"]].to_numpy().tolist() == [[title, title, ""]]


@pytest.mark.parametrize("name", ["new.xlsx", "new"])
def test_a_file_of_another_kind_is_refused_before_the_work(trained, tmp_path, name):
    with pytest.raises(GoodsError, match=r"expected a name that ends in \.parquet or \.csv"):
        predict(trained, tmp_path / name)


def test_broken_rows_are_labelled_and_noted_beside_the_output(trained, tmp_path, capsys):
    cards = pd.read_parquet(trained[1] / "test.parquet")
    cards.loc[3, "text_fields"] = "{broken"
    cards.to_parquet(tmp_path / "cards.parquet")
    out = predict(trained, tmp_path / "new.parquet", path=tmp_path / "cards.parquet")
    assert len(pd.read_parquet(out)) == 20
    issues = pd.read_parquet(tmp_path / "new.issues.parquet")
    assert set(issues.product_id) == {cards.product_id[3]}
    assert "no text was read" in set(issues.problem)
    assert "input problems of 1 cards noted in" in capsys.readouterr().err
    predict(trained, out)
    assert not (tmp_path / "new.issues.parquet").exists()


def test_match_reads_a_contest_s_own_file(shop, tmp_path):
    cards = read_catalogue(shop / "test.parquet")
    raw = pd.read_parquet(shop / "test.parquet")
    assert cards.product_id.tolist() == raw.product_id.tolist()
    assert cards.title.tolist() == [json.loads(text)["title"] for text in raw.text_fields]


def test_an_identity_of_bytes_that_are_no_text_is_one_all_the_same(tmp_path):
    path = tmp_path / "cards.parquet"
    kinds = [b"\xff\xfe", b"\xff\xfe", "ваза".encode(), None]
    pd.DataFrame({"product_id": range(4), "title": "ваза", "kind": kinds}).to_parquet(path)
    identity = read_catalogue(path, "kind").identity
    assert identity[0] == identity[1] and identity[2] == "ваза" and pd.isna(identity[3])


def test_cards_of_unknown_identity_are_not_the_same_product(tmp_path):
    titles = ["чайник altair rx4510 красный"] * 2 + [f"{a} {b}" for a in "абвгд" for b in ("книга", "ваза")]
    path = tmp_path / "cards.parquet"
    kinds = ["1", "1", "", "", " ", "", None, "", "", "2", "3", None]
    pd.DataFrame({"product_id": range(12), "title": titles, "kind": kinds}).to_parquet(path)
    report = match_file(path, tmp_path / "out", {"blocking": {"dimensions": 64, "threads": 1}}, "kind")
    assert report["quality"]["pairs"]["recall"] == 1.0
