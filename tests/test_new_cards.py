"""New cards through the same door: formats, photos that are not there, rows that cannot be read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config, write_shop

from goods.cards.labels import Labels
from goods.cards.table import TEXT_FIELDS, load_cards, select
from goods.config.loading import load_experiment
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.submit import prediction
from goods.submit.catalogue import read_catalogue
from goods.submit.empty import EmptyCards, are_empty
from goods.submit.new_cards import NewCards
from goods.submit.prediction import predict_file, warn_of_ids
from goods.submit.raw_batches import check_file

CONFIGS = ROOT / "configs" / "kazanexpress2023"
COMPETITION = competition_config()


def predict(labeller, out: Path, experiment: str = "linear", path: Path | None = None, images=None) -> Path:
    ws, shop = labeller
    predict_file(ws, COMPETITION, experiment, path or shop / "test.parquet", images, out)
    return out


def test_new_cards_are_told_that_the_order_of_their_ids_says_nothing(tmp_path, monkeypatch, capsys):
    spaces = [Workspace(tmp_path, COMPETITION.name)]
    for settings in ([], ["model.id_order=true"]):
        config = load_experiment(CONFIGS / "stack.yaml", settings)
        monkeypatch.setattr(prediction, "saved_config", lambda *_, config=config: config)
        warn_of_ids("stack", spaces)
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        line.startswith("warning: stack was fitted with id_order: ")
        and "new ones are labelled without" in line
    )


def test_new_cards_without_the_photos_an_experiment_looks_at_are_loud(labeller, tmp_path, capsys):
    predict(labeller, tmp_path / "new.parquet", "image-frozen")
    err = capsys.readouterr().err
    assert (
        "warning: image-frozen looks at photos: 100% of the cards" in err
        and "their folder with --images" in err
    )
    one = tmp_path / "one"
    one.mkdir()
    photo = min(labeller[1].rglob("*.jpg"))
    (one / photo.name).write_bytes(photo.read_bytes())
    predict(labeller, tmp_path / "new.parquet", "image-frozen", images=one)
    assert f"put those that are missing into {one} (" in capsys.readouterr().err
    predict(labeller, tmp_path / "new.parquet", "image-frozen", images=labeller[1])
    predict(labeller, tmp_path / "new.parquet", "linear")
    assert "warning" not in capsys.readouterr().err


def test_a_folder_without_photos_of_the_cards_is_refused(labeller, tmp_path):
    wrong = write_shop(tmp_path / "wrong", n_test=1, photos=True) / "images" / "train"
    with pytest.raises(
        GoodsError, match=f"--images {wrong}: holds no photo .* named by id, such as images/test/"
    ):
        predict(labeller, tmp_path / "new.parquet", images=wrong)
    assert not (tmp_path / "new.parquet").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "no such folder; name the one"),
        ("images.zip", "a file, expected a folder; name the one it lies in"),
    ],
)
def test_photos_that_are_no_folder_are_told_as_that(tmp_path, name, said):
    shop = write_shop(tmp_path / "shop", n_train=2, n_test=1)
    (shop / "images.zip").write_bytes(b"PK")
    with pytest.raises(GoodsError, match=f"^--images {shop / name}: {said}"):
        NewCards(shop / "test.parquet", COMPETITION, shop / name, tmp_path)


def test_csv_in_and_out_say_the_same_as_parquet(labeller, tmp_path):
    pd.read_parquet(labeller[1] / "test.parquet").to_csv(tmp_path / "cards.csv", index=False)
    plain = pd.read_parquet(predict(labeller, tmp_path / "a.parquet"))
    written = pd.read_csv(predict(labeller, tmp_path / "b.csv", path=tmp_path / "cards.csv"))
    assert list(written.columns) == list(plain.columns)
    assert written.predicted_category_id.tolist() == plain.predicted_category_id.tolist()


@pytest.mark.parametrize("name", ["new.txt", "new.json", "new.csv.gz", "new"])
def test_cards_of_a_kind_that_is_not_read_are_told_which_are(labeller, tmp_path, name):
    (tmp_path / name).write_bytes(b'{"product_id": 1}')
    with pytest.raises(GoodsError) as caught:
        predict(labeller, tmp_path / "out.csv", path=tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: neither parquet nor a csv file by its name")
    assert "copy the file again" not in str(caught.value)
    with pytest.raises(GoodsError, match="neither parquet nor a csv file by its name"):
        read_catalogue(tmp_path / name)


def test_a_parquet_file_is_read_whatever_its_name_and_a_damaged_one_copied_again(labeller, tmp_path):
    _, shop = labeller
    whole = shutil.copyfile(shop / "test.parquet", tmp_path / "new.txt")
    assert predict(labeller, tmp_path / "out.csv", path=whole).is_file()
    (tmp_path / "half.parquet").write_bytes(whole.read_bytes()[:500])
    (tmp_path / "none.parquet").write_bytes(b"")
    for name in ("half", "none"):
        with pytest.raises(GoodsError, match="copy the file again"):
            predict(labeller, tmp_path / "out.csv", path=tmp_path / f"{name}.parquet")


def test_csv_of_other_columns_is_named_by_its_own_name(labeller, tmp_path):
    path = tmp_path / "cards.csv"
    path.write_text("product_id,name\n1,кружка\n", encoding="utf-8")
    with pytest.raises(GoodsError, match=f"^{path}: column 'text_fields' is missing"):
        predict(labeller, tmp_path / "a.parquet", path=path)
    path.write_text("product_id,name\n1,2,3\n")
    with pytest.raises(GoodsError, match=f"^{path}: not a readable csv file"):
        predict(labeller, tmp_path / "a.parquet", path=path)


@pytest.mark.parametrize("name", ["cards-0.parquet", "issues-0.parquet", f"{'я' * 125}.csv"])
def test_cards_are_labelled_whatever_their_file_is_called(labeller, tmp_path, name):
    """Among them the names that temporary files of cards and issues have."""
    cards, path = pd.read_parquet(labeller[1] / "test.parquet"), tmp_path / name
    cards.loc[3, "text_fields"] = "{broken"
    cards.to_csv(path, index=False) if path.suffix == ".csv" else cards.to_parquet(path)
    assert len(pd.read_parquet(predict(labeller, tmp_path / "new.parquet", path=path))) == len(cards)


def test_cards_are_not_replaced_by_what_was_odd_about_them(labeller, tmp_path):
    cards = shutil.copyfile(labeller[1] / "test.parquet", tmp_path / "new.issues.parquet")
    with pytest.raises(
        GoodsError, match=f"^--out {cards}: these are the cards themselves; name another file"
    ):
        predict(labeller, tmp_path / "new.parquet", path=cards)
    assert cards.is_file()


def test_cards_that_come_through_a_pipe_are_to_be_saved_first(tmp_path):
    os.mkfifo(tmp_path / "cards")
    with pytest.raises(
        GoodsError, match=r"cards: a pipe or a device, .+; save what it gives as a parquet or csv"
    ):
        check_file(tmp_path / "cards")


def test_a_second_run_does_not_write_the_file_that_another_is_writing(labeller, tmp_path, monkeypatch):
    out, batches = tmp_path / "new.csv", NewCards.batches

    def beside(cards):
        monkeypatch.setattr(NewCards, "batches", batches)
        with pytest.raises(
            GoodsError, match=f"^--out {out}: another run is writing it; wait for its end, or"
        ):
            predict(labeller, out)
        yield from batches(cards)

    monkeypatch.setattr(NewCards, "batches", beside)
    predict(labeller, out)
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


@pytest.mark.parametrize("name", ["new.xlsx", "new"])
def test_a_file_of_another_kind_is_refused_before_the_work(labeller, tmp_path, name):
    with pytest.raises(GoodsError, match=r"expected a name that ends in \.parquet or \.csv"):
        predict(labeller, tmp_path / name)


def test_broken_rows_are_labelled_and_noted_beside_the_output(labeller, tmp_path, capsys):
    cards = pd.read_parquet(labeller[1] / "test.parquet")
    cards.loc[3, "text_fields"] = "{broken"
    cards.to_parquet(tmp_path / "cards.parquet")
    out = predict(labeller, tmp_path / "new.parquet", path=tmp_path / "cards.parquet")
    assert len(pd.read_parquet(out)) == 20
    issues = pd.read_parquet(tmp_path / "new.issues.parquet")
    assert set(issues.product_id) == {cards.product_id[3]}
    assert "no text was read" in set(issues.problem)
    assert "input problems of 1 card noted in" in capsys.readouterr().err
    predict(labeller, out)
    assert not (tmp_path / "new.issues.parquet").exists()


def test_a_card_of_which_nothing_is_known_is_as_sure_as_its_class_is_frequent(labeller, tmp_path):
    ws, shop = labeller
    cards = pd.read_parquet(shop / "test.parquet")
    cards.loc[3, ["text_fields", "shop_title"]] = ["{}", None]
    cards.to_parquet(tmp_path / "cards.parquet")
    before = pd.read_parquet(predict(labeller, tmp_path / "a.parquet"))
    found = pd.read_parquet(predict(labeller, tmp_path / "b.parquet", path=tmp_path / "cards.parquet"))
    pd.testing.assert_frame_equal(found.drop(3), before.drop(3))
    train = select(load_cards(ws), "train")
    shares = train.target.value_counts(normalize=True)
    assert found.confidence[3] == pytest.approx(shares.max(), abs=0.02)
    assert found.predicted_category_id[3] == int(Labels.load(ws).ids[EmptyCards.of(ws).shares.argmax()])
    issues = pd.read_parquet(tmp_path / "b.issues.parquet")
    assert "labelled all the same, as sure as its class is frequent" in set(issues.action)
    predict_file(
        ws, COMPETITION, "linear", tmp_path / "cards.parquet", None, tmp_path / "c.parquet", plain=True
    )
    issues = pd.read_parquet(tmp_path / "c.issues.parquet")
    assert "labelled all the same, as sure as the model is" in set(issues.action)


def test_train_cards_of_which_nothing_is_known_tell_of_others():
    texts = dict.fromkeys(TEXT_FIELDS, [""] * 3 + ["ваза"])
    cards = pd.DataFrame(
        {**texts, "image": [None, "a.jpg", None, None], "number:mass": [None, None, 2.0, 1.0]}
    )
    assert are_empty(cards).tolist() == [True, False, False, False]
    shares = np.array([0.25, 0.5, 0.25], np.float32)
    said = Predictions(np.arange(4), np.tile([[2, 0]], (4, 1)), np.tile(np.float32([[0.9, 0.1]]), (4, 1)))
    answered = EmptyCards(shares).answered(are_empty(cards), said)
    assert answered.classes.tolist() == [[1, 0], [2, 0], [2, 0], [2, 0]]
    assert answered.proba[0].tolist() == [0.5, 0.25] and (answered.proba[1:] == said.proba[1:]).all()
