"""Text that is not what it looks like: one look, one text, in train, test and new cards."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from batches_of_cards import read_new_cards
from conftest import OZON, write_shop
from disguises import SHAPES, UNSEEN, VOWELS, disguised
from hypothesis import given
from hypothesis import strategies as st
from photo_shop import sources_of

from goods.cards.labels import Labels
from goods.cards.table import TEXT_FIELDS, Issues, load_cards
from goods.cards.text import strip_html
from goods.cards.unicode import STEPS, normalised, plain
from goods.competitions import ozon_products, wildberries
from goods.competitions.raw import CategoryPath, Raw
from goods.core.workspace import Workspace
from goods.prepare.cards import write_cards
from goods.prepare.stage import prepare
from goods.submit.catalogue import read_catalogue
from goods.submit.pairs import contest_products

RUSSIAN = [
    *("чай", "чёрный", "крупнолистовой", "подстаканник", "ёлка", "йогурт", "кружка", "300", "мл,", "белая"),
    *("(подарок)", "№5", "плед", "150×200", "см"),
]
ENGLISH = [
    "cotton",
    "t-shirt,",
    "50%",
    "off",
    "‘new’",
    "black",
    "iPhone12",
    "A50",
    "XL",
    "vintage",
    "lamp",
    "2.5",
]


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("соль\u00adница", "сольница"),
        ("\ufeffчай \u200bзелё\u200bный\u200e", "чай зелёный"),
        ("у\u0301тка, е\u0300ж и взро\u0301слый", "утка, еж и взрослый"),
        ("\u0438\u0306од и \u0435\u0308лка", "йод и ёлка"),
        ("Kофе и глaзирователь", "Кофе и глазирователь"),
        ("гyммиapaбик, кoф\u00e9", "гуммиарабик, кофе"),
        ("Вarista, Zelёnaya, ХХL", "Barista, Zelënaya, XXL"),
        ("чай poccыпью чёрный", "чай россыпью чёрный"),
        ("5kг и 220Bт", "5кг и 220Вт"),
        ("Bинo Dolce Vita kpacнoe пoлycyxoe", "Вино Dolce Vita красное полусухое"),
        ("Myкa пшeничнaя, caxap c coкoм, Ahmad Tea", "Мука пшеничная, сахар с соком, Ahmad Tea"),
        ("Smart Mapkeт и Maxeeвъ by Accopти", "Smart Маркет и Махеевъ by Ассорти"),
        ("чай\u00a0чёрный\u3000100\u2009г", "чай чёрный 100 г"),
        ("ＡＢＣ－１２ ﬁne Ⅳ ㎏", "ABC-12 fine IV kg"),
        ("РќР°Р±РѕСЂ РґР»СЏ РІР°РЅРЅРѕР№", "Набор для ванной"),
        ("ÐÐ°Ð±Ð¾Ñ\x80 Ð´Ð»Ñ\x8f Ð²Ð°Ð½Ð½Ð¾Ð¹".replace("ÐÐ", "Ð\x9dÐ"), "Набор для ванной"),
        ("CafÃ© crÃ¨me", "Café crème"),
        ("РњР°МЃРіaР·РёРЅВ 1", "Магазин 1"),
        ("ＣＯＴＴＯＮ\u200bРОЗА", "COTTONРОЗА"),
        ("\u200b\u00ad", ""),
    ],
)
def test_a_text_becomes_what_it_looks_like(text, looks):
    assert plain(text) == looks
    assert normalised(text)[1]


@pytest.mark.parametrize(
    "text",
    [
        "А50 и A50, iPhone12, СВЧ-X5, X5С, B1Ц, АB1",  # codes
        "10x15см, USBкабель, напиток Хрусteam, СахарOff, Wi-Fi роутер",  # words side by side
        "Хрусteam",
        "напиток Coca, Cacao и Take",  # no letter of this text is in disguise
        "шоколад:nсахарnкакао",
        "БраслетикB894 жёлтый",
        "площадь 10² м², 1½ стакана, Dr.™, №5, H₂O, …",  # what NFKC would change
        "Café Müller señor Åland 中文 한국어 हिन्दी ไทย עִברִית",
        "می\u200cخواهم",  # a joiner that is spelling
        "👩\u200d🍳 набор",
        "ё, е; Й, И; Київ, қазақ, ћевап",
    ],
)
def test_what_means_something_stays(text):
    assert normalised(text) == (text, ())


@given(
    st.text(max_size=80)
    | st.text("СсаРрcapкKтtёеy\u0301\u0306\u0308\u200b\xad \xa0ÐÑÂâ€Ã©ЎоБ\x81\x980н", max_size=30)
)
def test_normalising_again_changes_nothing_and_no_text_grows_beyond_nfkc(text):
    once = plain(text)
    assert normalised(once) == (once, ())
    assert len(once) <= sum(max(1, len(unicodedata.normalize("NFKC", sign))) for sign in text)


@given(st.lists(st.sampled_from(RUSSIAN + ENGLISH), max_size=12).map(" ".join))
def test_plain_words_stay(text):
    assert normalised(text) == (text, ())


@given(
    st.from_regex(r"[0-9A-Z]{1,6}([-/. ][0-9A-Z]{1,5})*|[0-9А-Я]{1,6}([-/. ][0-9А-Я]{1,5})*", fullmatch=True)
)
def test_codes_of_one_alphabet_stay(code):
    assert plain(code) == code


def hidden_in(text: str, draw) -> str:
    """`text` as another hand would have it: what is drawn of all that leaves its looks alone."""
    words = []
    for clean in text.split(" "):
        word = clean
        letters = [i for i, sign in enumerate(word) if sign in SHAPES]
        tells = any(sign.isalpha() and sign not in SHAPES for sign in word)
        codes = any(sign.isdigit() for sign in word)
        if letters and tells and not codes and draw(st.booleans()):
            i = draw(st.sampled_from(letters))
            word = word[:i] + SHAPES[word[i]] + word[i + 1 :]
        if draw(st.booleans()):
            word = unicodedata.normalize("NFD", word)
        if clean in RUSSIAN and draw(st.booleans()):
            word = "".join(sign + "\u0301" * (sign in VOWELS) for sign in word)
        if draw(st.booleans()):
            word = "".join(
                chr(ord(sign) + 0xFEE0) if sign.isascii() and sign.isalnum() else sign for sign in word
            )
        if draw(st.booleans()):
            word = draw(st.sampled_from(UNSEEN)).join(word)
        words.append(word)
    return draw(st.sampled_from([" ", "\u00a0", "\u2009", " \u200b"])).join(words)


@given(st.lists(st.sampled_from(RUSSIAN + ENGLISH), min_size=1, max_size=6).map(" ".join), st.data())
def test_any_mix_of_disguises_gives_the_text_back(text, data):
    assert plain(hidden_in(text, data.draw)) == text


@given(
    st.lists(st.sampled_from(RUSSIAN), max_size=6).map(lambda words: " ".join(["Заварочный чайник", *words]))
)
@pytest.mark.parametrize("encoding", ["sloppy-windows-1251", "sloppy-windows-1252"])
def test_utf_8_read_as_something_else_is_mended(encoding, text):
    assert plain(text.encode().decode(encoding)) == text


def disguise(path: Path) -> None:
    """The same shop by another hand: every text of the raw file that has letters to disguise."""
    rng, table = np.random.default_rng(0), pd.read_parquet(path)

    def value(found):
        if isinstance(found, str):
            # one disguise of a word at a time keeps its own alphabet apart
            return " ".join(word if len(word) < 7 else disguised(word, rng) for word in found.split(" "))
        if isinstance(found, list):
            return [value(one) for one in found]
        return {key: value(one) for key, one in found.items()} if isinstance(found, dict) else found

    table["text_fields"] = [json.dumps(value(json.loads(text))) for text in table.text_fields]
    table["shop_title"] = [value(text) for text in table.shop_title]
    table.to_parquet(path, index=False)


def test_a_disguised_shop_has_the_cards_of_the_clean_one_and_keeps_its_own_words(
    tmp_path, shop, competition, capsys
):
    clean, other = (Workspace(tmp_path / name, competition.name) for name in ("clean", "other"))
    prepare(clean, competition, shop)
    assert "no text had to be normalised" in capsys.readouterr().err
    for split in ("train", "test"):
        disguise(shop / f"{split}.parquet")
    prepare(other, competition, shop)
    pd.testing.assert_frame_equal(load_cards(other), load_cards(clean))
    assert pd.read_parquet(clean.raw_text).empty
    raw = pd.read_parquet(other.raw_text)
    assert set(raw.field) == {"title", "description", "attributes", "shop"}
    assert not raw.duplicated(["product_id", "field"]).any()
    cards = load_cards(other).set_index("product_id")
    for product_id, field, text in raw.itertuples(index=False):
        assert text != cards[field][product_id] == plain(text)


def test_new_cards_come_through_the_same_door(tmp_path, competition):
    shop = write_shop(tmp_path / "shop")
    clean = read_new_cards(shop / "test.parquet", competition, None, Issues())
    disguise(shop / "test.parquet")
    pd.testing.assert_frame_equal(read_new_cards(shop / "test.parquet", competition, None, Issues()), clean)


@pytest.mark.parametrize("text", ["ГОСТ Р 51 и Рюкзак", "чай\u2060ник Р", "а\u00a0б"])
@pytest.mark.parametrize("encoding", ["sloppy-windows-1251", "sloppy-windows-1252"])
def test_squeezing_blanks_leaves_letters_of_a_wrong_encoding_whole(encoding, text):
    assert plain(strip_html(text.encode().decode(encoding))) == plain(text)


def test_a_reader_need_not_know_of_the_door(tmp_path, competition, capsys):
    cards = pd.DataFrame({"product_id": [1, 2, 3], "split": ["train", "train", "test"]})
    cards = cards.assign(**dict.fromkeys(TEXT_FIELDS, "")).assign(sale=False, category_id=[7, 8, -1])
    cards["title"] = pd.Series(["ча\u00adй", "Kофе", "\u200b"], dtype="str")
    tree = {7: CategoryPath(("7",), ("Ча\u00adй",), True), 8: CategoryPath(("8",), ("Кофе",), True)}
    ws = Workspace(tmp_path, competition.name)
    write_cards(ws, competition, Raw(cards, tree, Issues()), sources_of(tmp_path / "no photos", cards))
    assert load_cards(ws).title.tolist() == ["чай", "Кофе", ""]
    assert Labels.load(ws).paths == [("Чай",), ("Кофе",)]
    assert pd.read_parquet(ws.raw_text).raw.tolist() == ["ча\u00adй", "Kофе", "\u200b"]
    assert pd.read_parquet(ws.issues).problem.tolist() == ["empty title"]
    assert "3 texts normalised: 2 invisible signs, 1 look-alike letters" in capsys.readouterr().err


def test_a_catalogue_is_read_as_it_looks(tmp_path):
    path = tmp_path / "cards.parquet"
    table = {
        "product_id": [1, 2],
        "title": ["Kру\u00adжка", "<b>чай</b>\u00a0100 г"],
        "attributes": ["цве\u0301т", ""],
    }
    pd.DataFrame(table).to_parquet(path)
    cards = read_catalogue(path)
    assert cards.title.tolist() == ["Кружка", "чай 100 г"]
    assert cards.attributes.tolist() == ["цвет", ""]


def test_what_matching_reads_of_new_products_is_as_it_looks(tmp_path):
    path = tmp_path / "cards.parquet"
    told = {"Цве\u00adт": ["си\u0301ний"], "Цвет": ["синий"]}
    row = {
        "variantid": 1,
        "name": "x",
        "characteristic_attributes_mapping": json.dumps(told),
        "color_parsed": ["бе\u00adлый"],
    }
    pd.DataFrame([row, row | {"variantid": 2}]).to_parquet(path)
    cards = read_catalogue(path)[["product_id", "title"]]
    pairs = pd.DataFrame({"product_id": [0], "variantid1": [1], "variantid2": [2]})
    found = contest_products(OZON, path, cards, cards.product_id.to_numpy(), pairs).cards.iloc[0]
    assert found.attributes == "Цвет: синий"
    assert json.loads(found.colours) == ["белый"]
    assert json.loads(found.characteristics) == {"цвет": ["синий", "синий"]}
    assert ozon_products.texts_of(["К\u200bот", None]) == ["Кот"]


def test_attributes_to_predict_are_read_as_they_look(tmp_path):
    told = [{"charcName": "По\u00adл", "charcValues": ["Жeнский"]}]
    frame = pd.DataFrame(
        {"nm": [1], "title": "x", "description": "y", "brand": "", "characteristics": [json.dumps(told)]}
    )
    cards = wildberries.cards_of(frame, tmp_path, "train", Issues())
    assert cards.target_sex.tolist() == ["для женщин"]


def test_every_step_is_needed():
    texts = ["РќР°Р±РѕСЂ РґР»СЏ", "а\u00adа", "Ａ", "Kофе", "у\u0301тка", "а\u00a0б"]
    assert [normalised(text)[1][0] for text in texts] == list(STEPS)
