"""Small good inputs of every format: names of files → tables, texts or bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

Files = dict[str, pa.Table | bytes]

TRAIN, TEST = range(1001, 1015), range(5001, 5007)
LEAVES = {11: ("Дом", "Кружка"), 12: ("Дом", "Ложка"), 21: ("Одежда", "Платье"), 22: ("Одежда", "Шапка")}
TREE = "id,title,parent_id\n1,Все,\n10,Дом,1\n20,Одежда,1\n11,Кружки,10\n12,Ложки,10\n21,Платья,20\n22,Шапки,20\n"
PHOTOS = 4  # cards of each split that have one


def leaf(i: int) -> int:
    return list(LEAVES)[i % 4]


@cache
def photo(i: int, form: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(i).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form)
    return stream.getvalue()


def photos() -> Files:
    splits = {"train": TRAIN, "test": TEST}
    return {f"images/{split}/{i}.jpg": photo(i) for split, ids in splits.items() for i in list(ids)[:PHOTOS]}


def rows_2023(ids: range) -> dict[str, list[Any]]:
    def fields(i: int) -> dict[str, Any]:
        return {
            "title": f"{LEAVES[leaf(i)][1]} д'Арт {i}",
            "description": f"<p>Белая &amp; {i}</p>",
            "attributes": ["Объём: 300 мл"],
            "custom_characteristics": {"Штрихкод": 4601234567890 + i},
            "defined_characteristics": {"Цвет": ["белый", "синий"]},
            "filters": {},
        }

    return {
        "product_id": list(ids),
        "text_fields": [json.dumps(fields(i), ensure_ascii=False) for i in ids],
        "shop_title": [f"Магазин {i % 3}" for i in ids],
        "sale": [i % 2 == 0 for i in ids],
    }


def rows_2022(ids: range) -> dict[str, list[Any]]:
    return {
        "id": list(ids),
        "title": [f"{LEAVES[leaf(i)][1]} {i}" for i in ids],
        "short_description": [f"Белая {i}" for i in ids],
        "name_value_characteristics": [f"Цвет: белый | синий / Объём: {i} мл" for i in ids],
    }


def contest(rows: Callable[[range], dict[str, list[Any]]]) -> Files:
    named = [f"Все->{LEAVES[leaf(i)][0]}->{LEAVES[leaf(i)][1]}" for i in TRAIN]
    answers = {"category_id": [leaf(i) for i in TRAIN], "category_name": named}
    return {
        "train.parquet": pa.table(rows(TRAIN) | answers),
        "test.parquet": pa.table(rows(TEST)),
        "categories_tree.csv": TREE.encode(),
        **photos(),
    }


def school_rows(ids: range) -> dict[str, list[Any]]:
    def characteristics(i: int) -> bytes:
        told = {
            "Пол": ["Женский", "Мужской"][i % 2],
            "Сезон": ["лето", "зима"][i % 2],
            "Хрупкость": ["хрупкое", "не хрупкий"][i % 2],
            "Возрастные ограничения": ["5-12 лет", "18+"][i % 2],
            "Цвет": "синий",
        }
        items = [{"charcName": name, "charcValues": [value]} for name, value in told.items()]
        if i % 3 == 0:
            arrays = [item | {"charcValues": np.array(item["charcValues"], dtype=object)} for item in items]
            return str(np.array(arrays, dtype=object)).encode()
        return ("['b\\'" + repr(json.dumps(items).encode())[2:-1] + "\\']").encode()

    return {
        "nm": list(ids),
        "title": [f"{LEAVES[leaf(i)][1]} арт {i}" for i in ids],
        "description": [f"хлопок {i}" for i in ids],
        "brand": [f"бренд{i % 3}" for i in ids],
        "characteristics": [characteristics(i) for i in ids],
    }


def school() -> Files:
    tables = {
        "wb_school_train.parquet": pa.table(school_rows(TRAIN)),
        "wb_school_test.parquet": pa.table(school_rows(TEST)),
    }
    return {**tables, **photos()}


def product_rows(ids: range) -> dict[str, list[Any]]:
    def vector(i: int) -> list[float]:
        return np.random.default_rng(i).normal(size=8).round(3).tolist()

    tree = {"1": "EPG", "2": "Дом", "3": "Кухня", "4": "Чайники"}
    return {
        "variantid": list(ids),
        "name": [f"{LEAVES[leaf(i)][1]} {i // 2}" for i in ids],
        "categories": [json.dumps(tree, ensure_ascii=False) for _ in ids],
        "color_parsed": [["белый", "синий"][: 1 + i % 2] for i in ids],
        "characteristic_attributes_mapping": [json.dumps({"Объём": [f"{i} мл"]}) for i in ids],
        "price": [100.0 + i for i in ids],
        "main_pic_embeddings_resnet_v1": [[vector(i)] for i in ids],
        "pic_embeddings_resnet_v1": [[vector(i + 1), vector(i + 2)] for i in ids],
        "name_bert_64": [vector(i + 3) for i in ids],
    }


def offers() -> Files:
    def pairs(ids: range) -> dict[str, list[Any]]:
        return {"variantid1": list(ids)[:-1], "variantid2": list(ids)[1:]}

    target = [float(i % 2) for i in range(len(TRAIN) - 1)]
    return {
        "train_data.parquet": pa.table(product_rows(TRAIN)),
        "test_data.parquet": pa.table(product_rows(TEST)),
        "train_pairs.parquet": pa.table(pairs(TRAIN) | {"target": target}),
        "test_pairs_wo_target.parquet": pa.table(pairs(TEST)),
    }


CONTESTS: dict[str, Callable[[], Files]] = {
    "kazanexpress2023": lambda: contest(rows_2023),
    "kazanexpress2022": lambda: contest(rows_2022),
    "wildberries": school,
    "ozon": offers,
}
NEW: dict[str, Callable[[range], dict[str, list[Any]]]] = {
    "kazanexpress2023": rows_2023,
    "kazanexpress2022": rows_2022,
    "wildberries": school_rows,
}


def catalogue() -> dict[str, list[Any]]:
    return {
        "product_id": list(TRAIN),
        "title": [f"{LEAVES[leaf(i)][1]} {i // 2}" for i in TRAIN],
        "attributes": [f"Объём: {i} мл" for i in TRAIN],
    }
