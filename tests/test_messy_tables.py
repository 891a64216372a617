"""CSV files as spreadsheets and people write them: understood, or refused in a line that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from goods.competitions.dialect import dialect_of
from goods.competitions.guess.columns import Column
from goods.competitions.guess.stage import new_competition
from goods.competitions.loading import competition_of, load_competition
from goods.competitions.raw import Raw
from goods.competitions.table_submission import TableSubmission
from goods.config.loading import DEFAULTS
from goods.config.table import TableConfig, TextFormat
from goods.core.errors import GoodsError

Rows = list[dict[str, str]]
NAMES = ["id", "name", "text", "price", "category"]
WORDS = {
    "Кружки": "кружка керамическая белая",
    "Тарелки": "тарелка суповая глубокая",
    "Ножи": "нож кухонный острый",
}


def rows(n: int, first: int) -> Rows:
    kinds = list(WORDS)
    return [
        {
            "id": str(first + i),
            "name": f"{WORDS[kinds[i % 3]]} {first + i}",
            "text": f"отличная вещь для дома, номер {i % 7}",
            "price": f"{1 + i % 9} {100 + i},50",
            "category": kinds[i % 3],
        }
        for i in range(n)
    ]


def text_of(table: Rows, names: list[str], separator: str = ",", header: bool = True) -> str:
    lines = [names] if header else []
    lines += [[row.get(name, "") for name in names] for row in table]
    quoted = [[f'"{cell}"' if separator in cell else cell for cell in line] for line in lines]
    return "\n".join(separator.join(line) for line in quoted) + "\n"


TRAIN, TEST = rows(60, 100), rows(20, 1000)
PRICELESS = [row if i % 3 else row | {"price": "#Н/Д"} for i, row in enumerate(TRAIN)]
Change = Callable[[str, str], tuple[str, str]]


def both(change: Callable[[str], str]) -> Change:
    return lambda train, test: (change(train), change(test))


@pytest.fixture
def read(tmp_path: Path):
    """Guess and read a train.csv and a test.csv; returns (section `table`, what was read)."""
    configs, data = tmp_path / "configs", tmp_path / "raw"
    configs.mkdir()
    data.mkdir()
    (configs / DEFAULTS).symlink_to(ROOT / "configs" / DEFAULTS)

    def call(
        train: str, test: str, encoding: str = "utf-8", names: tuple[str, str] = ("train", "test")
    ) -> tuple[dict, Raw]:
        for name, text in zip(names, (train, test), strict=True):
            (data / f"{name}.csv").write_bytes(text.encode(encoding))
        new_competition("mine", data, configs)
        section = yaml.safe_load((configs / "mine" / "competition.yaml").read_text(encoding="utf-8"))["table"]
        return section, competition_of(load_competition("mine", configs)).read(data)

    return call


PLAIN = text_of(TRAIN, NAMES), text_of(TEST, NAMES[:-1])
DRESSES: dict[str, tuple[Change, str]] = {
    "windows-1251": (lambda *_: (text_of(TRAIN, NAMES, ";"), text_of(TEST, NAMES[:-1], ";")), "cp1251"),
    "byte order mark, windows line ends": (both(lambda text: text.replace("\n", "\r\n")), "utf-8-sig"),
    "a line that says the separator": (
        lambda *_: ("sep=;\n" + text_of(TRAIN, NAMES, ";"), "sep=;\n" + text_of(TEST, NAMES[:-1], ";")),
        "utf-8",
    ),
    "blanks around names": (lambda train, test: (train, test.replace(",", " ,", 3)), "utf-8"),
    "columns without end": (both(lambda text: text.replace("\n", ",,\n")), "utf-8"),
    "rows of separators": (lambda train, test: (train + "\n,,,,\n,,,,\n", test + "\n\n"), "utf-8"),
    "an empty column to fill in": (
        lambda train, _: (train, text_of([r | {"category": ""} for r in TEST], NAMES)),
        "utf-8",
    ),
    "blanks around classes": (lambda train, test: (train.replace("Ножи\n", "Ножи \n", 5), test), "utf-8"),
    "words for nothing": (lambda _, test: (text_of(PRICELESS, NAMES), test), "utf-8"),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_files_in_another_dress_are_read_as_the_plain_ones(read, tmp_path, dress):
    change, encoding = DRESSES[dress]
    section, raw = read(*change(*PLAIN), encoding)
    assert (section["id"], section["title"], section["target"]) == ("id", "name", "category")
    assert section["numbers"] == ["price"] and "categories" not in section
    cards = raw.cards
    assert cards.product_id.tolist() == [*range(100, 160), *range(1000, 1020)]
    assert sorted(cards.category_id[cards.split == "train"].unique()) == sorted(WORDS)
    prices = cards["number:price"].dropna()
    assert prices.iloc[-1] == 2119.50 and len(prices) == (60 if dress == "words for nothing" else 80)


def test_quotes_are_taken_where_they_fit_though_more_columns_would_come_of_none(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('1,"7 902,50",a\n2,"4 619,50",b\n', encoding="utf-8")
    found = dialect_of(path, TextFormat.model_validate({}))
    assert (found.separator, found.quote) == (",", '"')


def test_a_file_without_names_of_columns_is_told_though_its_prices_have_commas(read):
    plain = text_of(TRAIN, NAMES, header=False), text_of(TEST, NAMES[:-1], header=False)
    with pytest.raises(
        GoodsError, match=r"its first line looks like a card, .*write a line of names above it$"
    ):
        read(*plain)


def test_files_with_russian_names_are_found(read):
    section, _ = read(*PLAIN, names=("обучающая_выборка", "тест"))
    assert section["files"] == {"train": "обучающая_выборка.csv", "test": "тест.csv"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda train, test: (train, test.replace("name", "Name", 1)),
            r"'name' as 'Name'\); write them alike in both$",
        ),
        (
            lambda train, test: (train, test.replace("id,name,text,price", "a,b,c,d", 1)),
            "has no column of train by its name",
        ),
        (
            both(
                lambda text: (
                    text.replace("\n", ",x,y\n")
                    .replace("category,x,y", "category,,", 1)
                    .replace("price,x,y", "price,,", 1)
                )
            ),
            "several columns without a name; give each one",
        ),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_mend(read, change, message):
    with pytest.raises(GoodsError, match=message):
        read(*change(*PLAIN))


@pytest.mark.parametrize("train", [TRAIN, [*TRAIN, TRAIN[0]]])
def test_an_id_that_test_has_twice_is_told(read, capsys, train):
    section, _ = read(text_of(train, NAMES), text_of([*TEST, TEST[0]], NAMES[:-1]))
    assert "id" not in section
    assert "'id' is no id, as test has a value of it twice (1 row)" in capsys.readouterr().err


def test_a_spreadsheet_is_told_from_a_folder_without_tables(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "train.xlsx").write_bytes(b"PK")
    with pytest.raises(
        GoodsError, match=r"train\.xlsx: a spreadsheet, which is not read; save each of its sheets"
    ):
        new_competition("mine", tmp_path / "raw", tmp_path / "configs")


def test_a_file_where_the_folder_would_be_is_told(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine").touch()
    with pytest.raises(GoodsError, match="is there already and no folder"):
        new_competition("mine", tmp_path, tmp_path / "configs")


def test_where_the_test_file_is_csv_so_is_the_submission(read):
    section, _ = read(text_of(TRAIN, NAMES, ";"), text_of(TEST, NAMES[:-1], ";"))
    assert section["submission"] == {"separator": ";"}


@pytest.mark.parametrize(
    ("test", "said", "wanted"),
    [
        ("test.csv", {}, True),
        ("test.csv.gz", {}, True),
        ("test.parquet", {}, False),
        ("test.csv", {"csv": False}, False),
    ],
)
def test_a_result_in_csv_is_written_where_the_contest_gives_csv(test, said, wanted):
    section = {"files": {"train": "a", "test": test}, "title": "t", "target": "c", "submission": said}
    assert (TableSubmission.of(TableConfig.model_validate(section)).csv is not None) == wanted


def test_a_word_for_nothing_is_no_reason_against_numbers():
    assert Column("price", pd.Series(["NaN", "#Н/Д", "1 234,50", None])).numeric == 1
    assert Column("name", pd.Series(["NaN", "mug"])).numeric == 0
