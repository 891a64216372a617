"""A tiny shop of clothes: raw files of the contest of attributes."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
from PIL import Image

SEXES = {
    "женский": ("платье", "Женский"),
    "мужской": ("галстук", "Мужской"),
    "детский": ("ползунки", "Детский"),
}
SEASONS = {"лето": "летний", "зима": "зимний", "демисезон": "осенний"}


def in_bytes_literal(characteristics):
    return ("['b\\'" + repr(json.dumps(characteristics).encode())[2:-1] + "\\']").encode()


def printed_array(characteristics):
    rows = [
        {"charcName": c["charcName"], "charcValues": np.array(c["charcValues"], dtype=object), "value": None}
        for c in characteristics
    ]
    return str(np.array(rows, dtype=object)).encode()


def school_row(nm, rng, known):
    kind = list(SEXES)[int(rng.integers(3))]
    word, sex = SEXES[kind]
    season = list(SEASONS)[int(rng.integers(3))]
    fragile = rng.random() < 0.3
    characteristics = [{"charcName": "Цвет", "charcValues": [str(rng.choice(["синий", "белый"]))]}]
    if known and rng.random() < 0.8:
        characteristics += [
            {"charcName": "Пол", "charcValues": [sex]},
            {"charcName": "Сезон", "charcValues": [season]},
            {
                "charcName": "Возрастные ограничения",
                "charcValues": ["5-12 лет" if kind == "детский" else "18+"],
            },
            {"charcName": "Хрупкость", "charcValues": ["хрупкое" if fragile else "не хрупкий"]},
        ]
    serialise = in_bytes_literal if nm % 2 else printed_array
    return {
        "nm": nm,
        "title": f"{word} {SEASONS[season]} арт {nm}",
        "description": "стекло" if fragile else "хлопок",
        "brand": f"бренд{nm % 3}",
        "price": 0.0,
        "characteristics": serialise(characteristics),
    }


def write_school(folder, seed=0):
    """Write both tables and coloured photos in a zip; returns the folder."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    train_rows = [school_row(nm, rng, True) for nm in range(1000, 1180)]
    test_rows = [school_row(nm, rng, False) for nm in range(5000, 5030)]
    pd.DataFrame(train_rows).to_parquet(folder / "wb_school_train.parquet", index=False)
    pd.DataFrame(test_rows).to_parquet(folder / "wb_school_test.parquet", index=False)
    with zipfile.ZipFile(folder / "wb_school_horizcv_images.zip", "w") as archive:
        for row in [*train_rows, *test_rows]:
            shade = 40 if "ползунки" in row["title"] else 120 if "галстук" in row["title"] else 200
            pixels = rng.integers(0, 50, (32, 32, 3)) + shade
            stream = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(stream, "JPEG")
            archive.writestr(f"images/{row['nm']}.jpg", stream.getvalue())
    return folder
