"""Made-up cards in the exact raw formats of contests that are YAMLs alone, and the hidden classes of test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

FRENCH = {
    10: ("Livre d'occasion", "livre roman histoire édition poche"),
    2280: ("Journaux", "journal revue ancienne numéro été"),
    1140: ("Figurines", "figurine collection héros métal"),
}
RUSSIAN = {  # class → words; 5 and 9 are inner nodes, 23 has no card
    21: "кружка керамическая белая",
    22: "тарелка суповая глубокая",
    31: "смартфон чёрный экран",
    32: "наушники беспроводные шум",
}
RUSSIAN_TREE = [
    (1, None, "Дом"),
    (5, 1, "Кухня"),
    (2, 5, "Посуда"),
    (21, 2, "Кружки"),
    (22, 2, "Тарелки"),
    (23, 2, "Ножи"),
    (3, None, "Электроника"),
    (9, 3, "Связь"),
    (31, 9, "Смартфоны"),
    (32, 9, "Наушники"),
]
ENGLISH = {
    "CAT_MUG": ("Home > Kitchen > Mugs", "mug ceramic handle coffee"),
    "CAT_TENT": ("Outdoor > Camping > Tents", "tent waterproof two persons"),
    "CAT_LAMP": ("Home > Light > Lamps", "lamp desk bright led"),
}


def said(words: str, rng: np.random.Generator) -> str:
    return " ".join(rng.choice(words.split(), 3, replace=False))


def photo(path: Path, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)).save(path, format="JPEG")


def rakuten2020(folder: Path, n_train: int = 150, n_test: int = 30) -> list[int]:
    """X_train_update.csv, Y_train_CVw08PX.csv, X_test_update.csv with a nameless column of row numbers that go on in
    test; images/image_train/image_<imageid>_product_<productid>.jpg."""
    rng = np.random.default_rng(0)
    codes = rng.choice(list(FRENCH), n_train + n_test)
    table = pd.DataFrame(
        {
            "designation": [f"{said(FRENCH[code][1], rng)} n° {i}" for i, code in enumerate(codes)],
            "description": [said(FRENCH[code][1], rng) if i % 3 else None for i, code in enumerate(codes)],
            "productid": rng.permutation(10**9 + np.arange(len(codes))),
            "imageid": rng.permutation(2 * 10**9 + np.arange(len(codes))),
        }
    )
    parts = {"train": table.iloc[:n_train], "test": table.iloc[n_train:]}
    for split, part in parts.items():
        part.to_csv(folder / f"X_{split}_update.csv", index=True)
        for row in part.itertuples():
            name = f"image_{row.imageid}_product_{row.productid}.jpg"
            photo(folder / "images" / f"image_{split}" / name, rng)
    pd.DataFrame({"prdtypecode": codes[:n_train]}).to_csv(folder / "Y_train_CVw08PX.csv")
    return codes[n_train:].tolist()


def datafusion2025(folder: Path, n_train: int = 120, n_test: int = 30) -> list[int]:
    """labeled_train.parquet, unlabeled_train.parquet, test.parquet, category_tree.csv; ids are hashes, attributes JSON,
    parents of the tree floats, as whole numbers beside missing ones become."""
    rng = np.random.default_rng(0)
    classes = rng.choice(list(RUSSIAN), 2 * n_train + n_test)
    table = pd.DataFrame(
        {
            "hash_id": [f"{int(h):016x}" for h in rng.permutation(2**40 + np.arange(len(classes)))],
            "source_name": [f"{said(RUSSIAN[c], rng)} {i}" for i, c in enumerate(classes)],
            "attributes": [
                json.dumps(
                    [
                        {"attribute_name": "Цвет", "attribute_value": str(rng.choice(["белый", "чёрный"]))},
                        {"attribute_name": "Вес", "attribute_value": "3", "attribute_measure": "кг"},
                    ],
                    ensure_ascii=False,
                )
                for _ in classes
            ],
            "cat_id": classes,
        }
    )
    labelled, rest = table.iloc[:n_train], table.iloc[n_train:].drop(columns="cat_id")
    labelled.to_parquet(folder / "labeled_train.parquet", index=False)
    rest.iloc[:n_train].to_parquet(folder / "unlabeled_train.parquet", index=False)
    rest.iloc[n_train:].to_parquet(folder / "test.parquet", index=False)
    tree = pd.DataFrame(RUSSIAN_TREE, columns=["cat_id", "parent_id", "cat_name"])
    tree.to_csv(folder / "category_tree.csv", index=False)
    return classes[-n_test:].tolist()


def flatcsv(folder: Path, n_train: int = 120, n_test: int = 30) -> list[str]:
    """train.csv and test.csv: text ids with zeros before numbers, prices with missing ones, a path for each class."""
    rng = np.random.default_rng(0)
    classes = rng.choice(list(ENGLISH), n_train + n_test)
    table = pd.DataFrame(
        {
            "uid": [f"00{i:05d}" if i % 2 else f"B{i:06d}" for i in range(len(classes))],
            "title": [f"{said(ENGLISH[c][1], rng)}, {i} pcs" for i, c in enumerate(classes)],
            "description": [f'A "{said(ENGLISH[c][1], rng)}"\nin two lines' for c in classes],
            "brand": rng.choice(["Acme", "Globex", ""], len(classes)),
            "price": np.where(
                rng.random(len(classes)) < 0.2, np.nan, rng.uniform(1, 99, len(classes)).round(2)
            ),
            "category_path": [ENGLISH[c][0] for c in classes],
            "category": classes,
        }
    )
    table.iloc[:n_train].to_csv(folder / "train.csv", index=False)
    table.iloc[n_train:].drop(columns=["category_path", "category"]).to_csv(folder / "test.csv", index=False)
    return classes[n_train:].tolist()


CONTESTS: dict[str, Callable[..., list]] = {
    make.__name__: make for make in (rakuten2020, datafusion2025, flatcsv)
}
