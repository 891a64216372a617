"""Leaks planted on purpose: what no new card has must not lift a score.

Classes are shuffled, so that nothing but a plant tells them: what is right more often than chance has used it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config, write_shop

from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.stack.counts import KeyCounts
from goods.stack.stage import stack
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"
FAST = {
    "linear": [],
    "fasttext": ["model.epochs=15", "model.dim=16", "model.buckets=2000"],
    "image-small-cnn": ["model.size=32", "model.hidden=16", "model.trainer.epochs=4"],
}
N = 300


def shuffled_shop(folder: Path, photos: bool = False) -> tuple[Path, pd.DataFrame]:
    """A shop whose train cards have each other's classes, and its train table."""
    shop = write_shop(folder, n_train=N, photos=photos)
    table = pd.read_parquet(shop / "train.parquet")
    classes = table[["category_id", "category_name"]].sample(frac=1, random_state=3).reset_index(drop=True)
    return shop, table.assign(**classes)


def scores(
    folder: Path, shop: Path, names: list[str], stacked: bool = False, **settings: object
) -> list[float]:
    """Accuracy out of fold of experiments, and of a stack of them."""
    competition, ws = competition_config(metric="accuracy", **settings), Workspace(folder, "kazanexpress2023")
    prepare(ws, competition, shop)
    make_folds(ws, competition)
    for name in names:
        train(ws, competition, load_experiment(CONFIGS / f"{name}.yaml", FAST[name]))
    if stacked:
        joined = [f"model.experiments=[{','.join(names)}]", "model.iterations=40"]
        stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", joined))
    return [read_json(ws.run(name).report)["score"] for name in (*names, *(["stack"] if stacked else []))]


def chance(table: pd.DataFrame) -> float:
    """What always saying the most frequent class would score, and three standard errors."""
    share = table.category_id.value_counts(normalize=True).iloc[0]
    return share + 3 * np.sqrt(share * (1 - share) / len(table))


def planted(shop: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The class in all that a file tells beside its cards: order of rows and ids, columns nobody asked for, and of
    photos folder, number, size and time."""
    ranked = table.sort_values("category_id", kind="stable").reset_index(drop=True)
    place = ranked.groupby("category_id").cumcount()
    ranked["product_id"] = ranked.category_id * 1000 + place
    ranked["rating"], ranked["shop_id"] = ranked.category_id / 10, ranked.category_id
    ranked["leaf"] = ranked.category_name
    photos = sorted((shop / "images" / "train").glob("*.jpg"))
    for path, id_, cls in zip(photos, ranked.product_id, ranked.category_id, strict=True):
        moved = path.parent / f"class{cls}" / f"{id_}_{cls}.jpg"
        moved.parent.mkdir(exist_ok=True)
        path.rename(moved)
        moved.write_bytes(moved.read_bytes() + b"\0" * 5000 * cls)
        os.utime(moved, (cls * 1e6, cls * 1e6))
    return ranked


def test_what_a_file_tells_beside_its_cards_lifts_no_score(tmp_path):
    shop, table = shuffled_shop(tmp_path / "shop", photos=True)
    planted(shop, table).to_parquet(shop / "train.parquet", index=False)
    found = scores(tmp_path / "work", shop, list(FAST), stacked=True)
    assert len(found) == 4
    assert max(found) < chance(table)
    cards = pd.read_parquet(tmp_path / "work" / "kazanexpress2023" / "prepared" / "cards.parquet")
    assert cards.image.notna().all()  # the photos were seen


def in_title(table: pd.DataFrame, words: pd.Series) -> pd.DataFrame:
    fields = [json.loads(text) for text in table.text_fields]
    texts = [{**f, "title": f"{f['title']} знак{word}"} for f, word in zip(fields, words, strict=True)]
    return table.assign(text_fields=[json.dumps(text, ensure_ascii=False) for text in texts])


def of_photo(tell: Callable[[Path], object]) -> Callable[[pd.DataFrame, Path], pd.Series]:
    def word(table: pd.DataFrame, shop: Path) -> pd.Series:
        photos = {int(path.stem.partition("_")[0]): path for path in shop.rglob("train/*/*.jpg")}
        return table.product_id.map(lambda id_: tell(photos[id_]))

    return word


SHOWN = {
    "ids": lambda table, _: table.product_id // 1000,
    "order of rows": lambda table, _: pd.Series(np.arange(len(table)) * 10 // len(table)),
    "an unused column": lambda table, _: table.rating,
    "the category's name": lambda table, _: table.category_name.str.rpartition(">")[2],
    "a photo's folder": of_photo(lambda path: path.parent.name),
    "a photo's number": of_photo(lambda path: path.stem.partition("_")[2]),
    "a photo's size": of_photo(lambda path: path.stat().st_size // 5000),
    "a photo's time": of_photo(lambda path: int(path.stat().st_mtime)),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> tuple[Path, pd.DataFrame, pd.DataFrame]:
    """A shop with all that is planted, its shuffled train table, and that with the plants; no test changes them."""
    shop, table = shuffled_shop(tmp_path_factory.mktemp("planted") / "shop", photos=True)
    return shop, table, planted(shop, table)


@pytest.mark.parametrize("plant", SHOWN)
def test_a_plant_that_a_model_is_given_is_seen_by_the_chance_test(tmp_path, told, plant):
    there, table, ranked = told
    # the title tells what is planted; a model of words looks at no photo
    shop = shutil.copytree(there, tmp_path / "shop", ignore=shutil.ignore_patterns("images"))
    in_title(ranked, SHOWN[plant](ranked, there)).to_parquet(shop / "train.parquet", index=False)
    assert scores(tmp_path / "work", shop, ["linear"])[0] > chance(table) + 0.2


def test_a_shop_of_one_card_does_not_give_its_class_away(tmp_path, monkeypatch):
    """Counts of classes by shop, title and words leave out a card's own fold, the card itself among it."""
    shop, table = shuffled_shop(tmp_path / "shop")
    table.assign(shop_title=[f"Лавка {'абвгдежзик'[i % 10]}{i}" for i in range(N)]).to_parquet(
        shop / "train.parquet"
    )
    assert max(scores(tmp_path / "work", shop, ["fasttext"], stacked=True)) < chance(table)
    plain = KeyCounts._in_pair
    monkeypatch.setattr(KeyCounts, "_in_pair", lambda self, code, cls, own: plain(self, code, cls, None))
    shutil.rmtree(Workspace(tmp_path / "work", "kazanexpress2023").run("stack").path)
    assert scores(tmp_path / "work", shop, ["fasttext"], stacked=True)[-1] > chance(table) + 0.2


def alike(rng: np.random.Generator, table: pd.DataFrame, groups: int) -> pd.DataFrame:
    """Cards of as many groups: one shop and the same words in another order, with other numbers, and one class."""
    letters = np.array(list("абвгдежзиклмнопрст"))
    words = ["".join(rng.choice(letters, 7)) for _ in range(3 * groups)]
    rows = []
    for i, row in enumerate(table.to_dict("records")):
        group = i % groups
        title = rng.permutation([*words[3 * group : 3 * group + 3], str(rng.integers(1000))])
        text = json.dumps({"title": " ".join(title)}, ensure_ascii=False)
        rows.append({**row, "text_fields": text, "shop_title": f"Лавка {group % 5}"})
    made = pd.DataFrame(rows)
    if "category_id" in made:
        of_group = made[["category_id", "category_name"]].iloc[:groups]
        made[of_group.columns] = of_group.to_numpy()[np.arange(len(made)) % groups]
    return made


def test_near_duplicates_across_folds_are_told_and_kept_together_where_asked(tmp_path, capsys):
    shop, table = shuffled_shop(tmp_path / "shop")
    rng = np.random.default_rng(5)
    known = alike(rng, table, N // 4)
    known.to_parquet(shop / "train.parquet", index=False)
    alike(rng, pd.read_parquet(shop / "test.parquet"), 40).to_parquet(shop / "test.parquet", index=False)
    (apart,) = scores(tmp_path / "apart", shop, ["linear"])
    assert apart > 0.9  # three of four cards of a group are learned from
    assert "set group_near_duplicates: true" in capsys.readouterr().err
    (together,) = scores(tmp_path / "together", shop, ["linear"], group_near_duplicates=True)
    assert together < chance(known.iloc[: N // 4])
