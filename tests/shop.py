"""A tiny real-shaped shop: KazanExpress 2023 raw files of 6 categories."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

LEAVES = {
    11: ("Одежда->Платья", "платье летнее макси"),
    12: ("Одежда->Футболки", "футболка хлопок базовая"),
    13: ("Одежда->Рубашки", "рубашка классическая хлопок"),
    21: ("Дом->Кружки", "кружка керамическая подарочная"),
    22: ("Дом->Тарелки", "тарелка керамическая суповая"),
    23: ("Дом->Ножи", "нож кухонный сталь"),
}
COMMON = ["новый", "подарок", "белый", "синий", "скидка", "хит", "доставка", "качество"]
TREE = "id,title,parent_id\n1,Все категории,0\n10,Одежда,1\n20,Дом,1\n" + "".join(
    f"{id_},{name.split('->')[1]},{id_ // 10 * 10}\n" for id_, (name, _) in LEAVES.items()
)


def raw_rows(ids: range, rng: np.random.Generator) -> list[dict]:
    rows = []
    for product_id in ids:
        leaf = list(LEAVES)[int(rng.choice(6, p=[0.3, 0.25, 0.2, 0.15, 0.06, 0.04]))]
        name, words = LEAVES[leaf]
        title = [*rng.choice(words.split(), 2, replace=False), *rng.choice(COMMON, 2)]
        text = {
            "title": " ".join(rng.permutation(title)),
            "description": f"<p>{' '.join(rng.choice(COMMON, 4))} &amp; {rng.choice(words.split())}</p>",
            "attributes": [f"Цвет: {rng.choice(COMMON)}"],
            "custom_characteristics": {},
            "defined_characteristics": {"Бренд": [f"Бренд{leaf % 3}"]},
            "filters": {},
        }
        rows.append(
            {
                "product_id": product_id,
                "category_id": leaf,
                "sale": bool(rng.random() < 0.5),
                "shop_id": leaf % 4,
                "shop_title": f"Магазин {leaf % 4}",
                "rating": 4.5,
                "text_fields": json.dumps(text, ensure_ascii=False),
                "category_name": f"Все категории->{name}",
            }
        )
    return rows


def write_shop(
    folder: Path, n_train: int = 240, n_test: int = 40, photos: bool = False, seed: int = 0
) -> Path:
    """Write train.parquet, test.parquet, categories_tree.csv and, if wanted, coloured photos."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    train = pd.DataFrame(raw_rows(range(1000, 1000 + n_train), rng))
    test = pd.DataFrame(raw_rows(range(5000, 5000 + n_test), rng))
    if photos:
        for split, table in (("train", train), ("test", test)):
            (folder / "images" / split).mkdir(parents=True)
            for product_id, leaf in zip(table.product_id, table.category_id, strict=True):
                noise = rng.integers(0, 40, (32, 32, 3))
                colour = np.array([leaf * 9 % 200, leaf * 5 % 200, leaf * 3 % 200])
                Image.fromarray((noise + colour).astype(np.uint8)).save(
                    folder / "images" / split / f"{product_id}.jpg"
                )
    train.to_parquet(folder / "train.parquet", index=False)
    test.drop(columns=["category_id", "category_name"]).to_parquet(folder / "test.parquet", index=False)
    (folder / "categories_tree.csv").write_text(TREE, encoding="utf-8")
    return folder
