"""Raw folders of made-up contests in formats that no reader of its own is for, each with what is hidden of test."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from shop import COMMON, LEAVES


def goods(n: int, seed: int, first: int = 100) -> pd.DataFrame:
    """Products of six kinds: number, words, brand, price, kind and the levels above it."""
    rng = np.random.default_rng(seed)
    leaves = rng.choice(list(LEAVES), n, p=[0.25, 0.2, 0.2, 0.15, 0.1, 0.1])
    rows = []
    for number, leaf in enumerate(leaves.tolist(), first):
        path, words = LEAVES[leaf]
        told = [*rng.choice(words.split(), 2, replace=False), *rng.choice(COMMON, 2)]
        rows.append(
            {
                "number": number,
                "name": " ".join(rng.permutation(told)),
                "text": f"Артикул {number}: {rng.choice(words.split())}; {' '.join(rng.choice(COMMON, 4))}",
                "colour": str(rng.choice(["белый", "синий", "красный"])),
                "brand": f"Бренд {leaf % 3}",
                "price": round(float(rng.uniform(100, 2000)), 2),
                "leaf": leaf,
                "top": path.split("->")[0],
                "kind": path.split("->")[1],
            }
        )
    return pd.DataFrame(rows)


def splits(n_train: int, n_test: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train rows, and test rows with their hidden kind; both hold every kind."""
    return goods(n_train, 0), goods(n_test, 1, first=100 + n_train)


def semicolons_in_cp1251(folder: Path, n_train: int = 180, n_test: int = 30) -> pd.Series:
    """Decimal commas, quotes around semicolons, a kind in words; a sample submission in another order."""
    train, test = splits(n_train, n_test)
    for name, part in (("train", train), ("test", test)):
        table = pd.DataFrame(
            {
                "Код": part.number,
                "Наименование": part.name,
                "Описание": part.text,
                "Цена": part.price.map(lambda price: f"{price:.2f}".replace(".", ",")),
                "Цвет": part.colour,
            }
        )
        table = table.assign(Категория=part.kind) if name == "train" else table
        table.to_csv(folder / f"{name}.csv", sep=";", index=False, encoding="cp1251")
    sample = pd.DataFrame({"Код": test.number[::-1], "Категория": train.kind.iloc[0]})
    sample.to_csv(folder / "sample_submission.csv", sep=";", index=False, encoding="cp1251")
    return test.kind[::-1].reset_index(drop=True)


def packed_json_lines(folder: Path, n_train: int = 180, n_test: int = 30) -> pd.Series:
    """Nested attributes, ids that begin with zeros, photos by path in small and large letters."""
    train, test = splits(n_train, n_test)
    (folder / "pictures").mkdir()
    for name, part in (("train", train), ("test", test)):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            for row in part.itertuples():
                photo = f"pictures/P{row.number}.JPG"
                told = {
                    "sku": f"{row.number:07d}",
                    "title": row.name,
                    "attributes": {"Цвет": [row.colour], "Бренд": row.brand},
                    "price": row.price if row.number % 7 else None,
                    "picture": photo,
                }
                if name == "train":
                    told["label"] = int(row.leaf)
                if row.number % 4:
                    noise = np.random.default_rng(row.number).integers(0, 255, (16, 16, 3))
                    Image.fromarray(noise.astype(np.uint8)).save(folder / photo.lower(), format="JPEG")
                file.write(json.dumps(told, ensure_ascii=False) + "\n")
    return test.leaf


def parquet_of_structs(folder: Path, n_train: int = 180, n_test: int = 30) -> pd.Series:
    """Text ids, attributes as a list of structs, a path in one column."""
    train, test = splits(n_train, n_test)
    kind = pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))
    for name, part in (("train", train), ("test", test)):
        named = [
            [{"name": "Цвет", "value": c}, {"name": "Бренд", "value": b}]
            for c, b in zip(part.colour, part.brand, strict=True)
        ]
        columns = {
            "offer": [f"of-{number}" for number in part.number],
            "name": part.name.tolist(),
            "characteristics": pa.array(named, kind),
        }
        if name == "train":
            columns |= {
                "category": part.kind.tolist(),
                "category_path": (part.top + " > " + part.kind).tolist(),
            }
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return test.kind


def columns_of_levels(folder: Path, n_train: int = 180, n_test: int = 30) -> pd.Series:
    """TSV, a column for each level, the lowest the class; attributes in columns of their own."""
    train, test = splits(n_train, n_test)
    for name, part in (("goods_train", train), ("goods_test", test)):
        table = part[["number", "name", "colour", "brand"]].rename(columns={"number": "id"})
        if name == "goods_train":
            table = table.assign(level_1=part.top, level_2=part.kind)
        table.to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    return test.kind


def folder_of_parts(folder: Path, n_train: int = 180, n_test: int = 30) -> pd.Series:
    """Train in parts as Spark writes them, test in two CSV files."""
    train, test = splits(n_train, n_test)
    wanted = {"number": "product_id", "name": "title", "text": "description", "leaf": "category_id"}
    (folder / "train").mkdir()
    (folder / "test").mkdir()
    table = train[list(wanted)].rename(columns=wanted)
    for i in range(3):
        table.iloc[i::3].to_parquet(folder / "train" / f"part-{i}.parquet", index=False)
    (folder / "train" / "_SUCCESS").touch()
    asked = test[list(wanted)].rename(columns=wanted).drop(columns="category_id")
    asked.iloc[: n_test // 2].to_csv(folder / "test" / "part-0.csv", index=False)
    asked.iloc[n_test // 2 :].to_csv(folder / "test" / "part-1.csv", index=False)
    return test.leaf


def text_and_label(folder: Path, n_train: int = 1000, n_test: int = 100) -> pd.Series:
    """Two columns and no ids."""
    train, test = splits(n_train, n_test)
    pd.DataFrame({"text": train.name, "label": train.kind}).to_csv(folder / "train.csv", index=False)
    pd.DataFrame({"text": test.name}).to_csv(folder / "test.csv", index=False)
    return test.kind


FORMATS: dict[str, Callable[[Path], pd.Series]] = {
    make.__name__: make
    for make in (
        semicolons_in_cp1251,
        packed_json_lines,
        parquet_of_structs,
        columns_of_levels,
        folder_of_parts,
        text_and_label,
    )
}
