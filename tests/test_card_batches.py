"""New cards in batches: the same answers, problems and refusals as together, models and photos read once."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, competition_config

from goods.cards import lemmas
from goods.cards.images import ImageStore
from goods.config.loading import load_experiment
from goods.core.done import mark_done
from goods.core.errors import GoodsError
from goods.core.kept import Kept
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.models.text import fasttext_model, term_counts
from goods.models.text.linear_model import LinearModel
from goods.stack.stage import stack
from goods.submit import batches, new_cards, prediction
from goods.submit.prediction import predict_file
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"
COMPETITION = competition_config()


def in_batches(labeller, out: Path, experiment: str, path: Path, images=None, rows: int = 7) -> pd.DataFrame:
    predict_file(labeller[0], COMPETITION, experiment, path, images, out, rows)
    return pd.read_parquet(out)


def check_batches(labeller, tmp_path: Path, experiment: str) -> pd.DataFrame:
    """What an experiment says of the test cards together, which has to be what it says of them in batches."""
    path, images = labeller[1] / "test.parquet", labeller[1]
    together = in_batches(labeller, tmp_path / "a.parquet", experiment, path, images, rows=4096)
    apart = in_batches(labeller, tmp_path / "b.parquet", experiment, path, images)
    pd.testing.assert_frame_equal(apart.drop(columns="confidence"), together.drop(columns="confidence"))
    assert apart.confidence.to_numpy() == pytest.approx(together.confidence.to_numpy(), abs=1e-6)
    return together


@pytest.mark.parametrize("experiment", ["linear", "image-frozen"])
def test_cards_in_batches_get_what_they_get_together(labeller, tmp_path, experiment):
    check_batches(labeller, tmp_path, experiment)


def test_what_was_odd_is_noted_of_all_batches(labeller, tmp_path):
    raw = pd.read_parquet(labeller[1] / "test.parquet")
    raw.loc[[3, 15], "text_fields"] = ["{broken", "[]"]
    raw.to_parquet(tmp_path / "cards.parquet")
    (tmp_path / "photos").mkdir()
    for product_id in raw.product_id[[0, 4, 18]]:
        shutil.copy(labeller[1] / "images" / "test" / f"{product_id}.jpg", tmp_path / "photos")
    (tmp_path / "photos" / f"{raw.product_id[4]}.jpg").write_bytes(b"cut short")
    noted = []
    for rows in (4096, 7):
        out = tmp_path / f"{rows}.parquet"
        in_batches(labeller, out, "linear", tmp_path / "cards.parquet", tmp_path / "photos", rows)
        table = pd.read_parquet(out.with_suffix(".issues.parquet"))
        noted.append(sorted(table.itertuples(index=False, name=None)))
    assert noted[0] == noted[1] and len(noted[0]) > 20
    assert {field for _, field, *_ in noted[0]} == {"text_fields", "image", "title", "text"}


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_what_one_table_may_not_hold_no_two_batches_may(labeller, tmp_path, suffix):
    raw = pd.read_parquet(labeller[1] / "test.parquet")
    path = tmp_path / f"cards{suffix}"
    write = {".parquet": pd.DataFrame.to_parquet, ".csv": pd.DataFrame.to_csv}[suffix]
    raw.product_id = raw.product_id.mask(raw.index == 17, raw.product_id[2])
    write(raw, path, index=False)
    twice = re.escape(f"{path}: product_id {raw.product_id[2]} occurs more than once, in 2 rows (2, 17);")
    with pytest.raises(GoodsError, match=f"^{twice}"):
        in_batches(labeller, tmp_path / "a.parquet", "linear", path)
    raw["product_id"] = raw.product_id.astype("float64") + 0.5 * (raw.index == 16)
    write(raw, path, index=False)
    with pytest.raises(GoodsError, match=f"^{re.escape(str(path))}: row 16: 'product_id' "):
        in_batches(labeller, tmp_path / "a.parquet", "linear", path)
    assert not list(tmp_path.glob("*a.parquet*"))


def test_of_a_large_file_a_row_is_told_by_that_of_its_batch(labeller, tmp_path, monkeypatch):
    monkeypatch.setattr(new_cards, "AT_ONCE", 0)
    raw, path = pd.read_parquet(labeller[1] / "test.parquet"), tmp_path / "cards.parquet"
    raw.assign(product_id=raw.product_id + 0.5 * (raw.index == 16)).to_parquet(path)
    with pytest.raises(GoodsError, match=rf"^{re.escape(str(path))} from row 14 on: row 2: 'product_id' "):
        in_batches(labeller, tmp_path / "a.parquet", "linear", path)
    raw.product_id = raw.product_id.mask(raw.index == 17, raw.product_id[2])
    raw.to_parquet(path)
    with pytest.raises(GoodsError, match=r"occurs more than once, in 2 rows \(2, 17\);"):
        in_batches(labeller, tmp_path / "a.parquet", "linear", path)


def test_damage_in_a_column_that_no_reader_takes_does_not_matter(labeller, tmp_path):
    raw, path = pd.read_parquet(labeller[1] / "test.parquet"), tmp_path / "cards.parquet"
    raw.assign(other=[f"{i:08}" for i in range(20)]).to_parquet(path, compression=None)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"00000009", b"\xff" * 8))
    assert len(in_batches(labeller, tmp_path / "a.parquet", "linear", path)) == 20
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(raw.shape[1])
    path.write_bytes(
        data[: chunk.dictionary_page_offset] + b"\xff" * 40 + data[chunk.dictionary_page_offset + 40 :]
    )
    assert len(in_batches(labeller, tmp_path / "a.parquet", "linear", path)) == 20


def test_models_are_loaded_once_for_all_batches_where_they_fit(labeller, tmp_path, monkeypatch):
    loads, path = [], labeller[1] / "test.parquet"
    load = LinearModel.load
    monkeypatch.setattr(
        LinearModel, "load", lambda model, folder: loads.append(folder) or load(model, folder)
    )
    staying = in_batches(labeller, tmp_path / "a.parquet", "linear", path)
    assert len(loads) == COMPETITION.n_folds
    monkeypatch.setattr(batches, "free_memory", lambda: 0)
    monkeypatch.setattr(prediction, "PATIENT", 2)
    again = in_batches(labeller, tmp_path / "b.parquet", "linear", path)
    assert len(loads) == 3 * COMPETITION.n_folds  # of 20 cards, 14 at a time
    pd.testing.assert_frame_equal(again, staying)


@pytest.mark.parametrize("change", [shutil.rmtree, lambda fold: mark_done(fold, "of another training")])
def test_models_of_two_trainings_do_not_label_cards_of_one_file(labeller, tmp_path, monkeypatch, change):
    ws, path = Workspace(tmp_path / "work", COMPETITION.name), labeller[1] / "test.parquet"
    shutil.copytree(labeller[0].root, ws.root)
    given = new_cards.NewCards.batches

    def changing(cards):
        for number, batch in enumerate(given(cards)):
            if number == 1:
                change(ws.run("linear").fold(1))
            yield batch

    monkeypatch.setattr(new_cards.NewCards, "batches", changing)
    monkeypatch.setattr(batches, "free_memory", lambda: 0)
    with pytest.raises(
        GoodsError, match=r"^experiment linear: .* made anew meanwhile; run the same command again"
    ):
        in_batches((ws,), tmp_path / "a.parquet", "linear", path, rows=2)
    assert not list(tmp_path.glob("*a.parquet*"))


def test_models_that_are_in_memory_label_cards_while_others_are_trained(labeller, tmp_path, monkeypatch):
    ws, path = Workspace(tmp_path / "work", COMPETITION.name), labeller[1] / "test.parquet"
    shutil.copytree(labeller[0].root, ws.root)
    given = new_cards.NewCards.batches

    def changing(cards):
        shutil.rmtree(ws.run("linear").path)
        yield from given(cards)

    monkeypatch.setattr(new_cards.NewCards, "batches", changing)
    assert len(in_batches((ws,), tmp_path / "a.parquet", "linear", path)) == 20


@pytest.mark.parametrize(("read", "method"), [("Labels", "load"), ("EmptyCards", "of")])
def test_names_and_shares_of_classes_are_of_the_training_of_the_models(
    labeller, tmp_path, monkeypatch, read, method
):
    ws, path = Workspace(tmp_path / "work", COMPETITION.name), tmp_path / "cards.parquet"
    shutil.copytree(labeller[0].root, ws.root)
    raw = pd.read_parquet(labeller[1] / "test.parquet")
    raw.assign(text_fields="{}", shop_title="").to_parquet(path)
    given = getattr(getattr(prediction, read), method)

    def later(space: Workspace) -> object:
        mark_done(ws.prepared, "of other cards")
        return given(space)

    monkeypatch.setattr(prediction, read, SimpleNamespace(**{method: later}))
    with pytest.raises(GoodsError, match=r"^experiment linear: .* made anew meanwhile; run the same command"):
        in_batches((ws,), tmp_path / "a.parquet", "linear", path)
    assert not list(tmp_path.glob("*a.parquet*"))


@pytest.fixture(scope="module")
def joined(labeller) -> str:
    """A stack over models of texts, of words and of photos, frozen and not."""
    ws, _ = labeller
    small = ["model.trainer.epochs=1", "model.width=16", "model.hidden=16", "model.subword_buckets=500"]
    train(ws, COMPETITION, load_experiment(CONFIGS / "navec.yaml", small))
    few = ["model.epochs=3", "model.dim=8", "model.buckets=1000"]
    train(ws, COMPETITION, load_experiment(CONFIGS / "fasttext.yaml", few))
    train(ws, COMPETITION, load_experiment(CONFIGS / "knn.yaml"))
    train(
        ws,
        COMPETITION,
        load_experiment(CONFIGS / "image-small-cnn.yaml", ["model.size=16", "model.trainer.epochs=1"]),
    )
    names = "linear,navec,fasttext,knn,image-frozen,image-small-cnn"
    settings = [f"model.experiments=[{names}]", "model.iterations=5", "model.methods=[uniform,catboost]"]
    stack(ws, COMPETITION, load_experiment(CONFIGS / "stack.yaml", settings))
    return "stack"


def test_a_stack_says_in_batches_what_it_says_at_once(labeller, joined, tmp_path):
    together = check_batches(labeller, tmp_path, joined)
    submitted = Predictions.load(labeller[0].run(joined).test)
    assert together.confidence.to_numpy() == pytest.approx(submitted.proba[:, 0], abs=1e-5)


def test_texts_and_photos_of_a_batch_are_looked_at_once_for_all_folds(
    labeller, joined, tmp_path, monkeypatch
):
    seen: Counter[str] = Counter()

    def counted(place, name: str, what) -> None:
        real = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *args: seen.update([what(*args)]) or real(*args))

    counted(lemmas, "words", lambda text: f"words {text}")
    counted(fasttext_model, "words_of", lambda text: f"fasttext {text}")
    counted(ImageStore, "array", lambda store, ref, size: f"photo {size} {ref}")
    counted(ImageStore, "open", lambda store, ref, size: f"opened {size} {ref}")
    counted(term_counts.TermCounts, "of", lambda texts, analyse: f"terms {list(texts)} {analyse}")
    in_batches(labeller, tmp_path / "a.parquet", joined, labeller[1] / "test.parquet", labeller[1])
    kinds = Counter(what.split()[0] for what in seen)
    assert set(kinds) == {"words", "fasttext", "photo", "terms", "opened"}
    # once to see whether it can be read, once by each of the two
    by_photo = Counter[str]()
    for what, n in seen.items():
        if what.startswith("opened"):
            by_photo[what.split()[2]] += n
    assert set(by_photo.values()) == {3}
    # two models look at photos of one size, titles of two batches may be equal; each has three folds, knn more models
    assert max(n for what, n in seen.items() if "Магазин" not in what) <= 2 < COMPETITION.n_folds


def test_what_models_share_of_a_batch_is_let_go_of_before_the_next(labeller, tmp_path, monkeypatch):
    held, trimmed, get = [], [], Kept.get
    monkeypatch.setattr(batches, "trim_memory", lambda: trimmed.append(len(held)))

    def seen(kept: Kept, *given):
        found = get(kept, *given)
        held.append(len(kept.values))
        return found

    monkeypatch.setattr(Kept, "get", seen)
    in_batches(labeller, tmp_path / "a.parquet", "linear", labeller[1] / "test.parquet")
    of_a_batch = held.index(1, 1 + held.index(2))  # how often it was asked before it was empty again
    assert held == held[:of_a_batch] * (len(held) // of_a_batch) and len(held) > of_a_batch
    assert trimmed == list(range(of_a_batch, len(held) + 1, of_a_batch))
