"""Vocabulary of the demo's shop offers: kinds of products, their measures, colours, names and shop talk."""

from __future__ import annotations

from dataclasses import dataclass

# "level 2 > level 3 > level 4 > share of lines > code letters"; nouns; measures and their unit; features; materials.
# Shares differ a lot on purpose: the contest's metric treats large and small level-3 categories differently.
KINDS = """
Электроника > Смартфоны и планшеты > Смартфоны > 34 > G M A X SM
смартфон|телефон|мобильный телефон|smartphone; 32 64 128 256 512 ГБ
с NFC|2 SIM|дисплей AMOLED|5G|быстрая зарядка|защищённый корпус; стекло|пластик|металл
Электроника > Смартфоны и планшеты > Планшеты > 8 > T TB P MT
планшет|планшетный компьютер|tablet; 16 32 64 128 256 ГБ
Wi-Fi|LTE|со стилусом|детский|для учёбы; металл|пластик
Электроника > Наушники и аудио > Беспроводные наушники > 12 > WH BT TWS HS
наушники|беспроводные наушники|гарнитура|headphones; 20 30 40 50 60 мм
с шумоподавлением|Bluetooth 5.0|с микрофоном|внутриканальные|накладные|спортивные; пластик|силикон
Электроника > Наушники и аудио > Портативные колонки > 5 > SB JX GO
колонка|портативная колонка|акустика|speaker; 5 10 20 40 60 Вт
водонепроницаемая|с подсветкой|Bluetooth|FM-радио; пластик|ткань
Электроника > Аксессуары > Чехлы > 9 > CS UP SL
чехол|чехол-накладка|бампер|case; 5.5 6.1 6.4 6.7 дюймов
противоударный|прозрачный|с карманом|с кольцом|магнитный; силикон|кожа|пластик
Бытовая техника > Техника для кухни > Электрочайники > 7 > KE CH WK
чайник|электрический чайник|электрочайник|kettle; 1 1.5 1.7 1.8 2 л
с подсветкой|дисковый|терморегулятор|автоотключение; стекло|металл|пластик
Бытовая техника > Техника для кухни > Кофемашины > 3 > EC CM ESP
кофемашина|кофеварка|автоматическая кофемашина|coffee machine; 0.8 1 1.2 1.8 2 л
с капучинатором|рожковая|капсульная|зерновая; металл|пластик
Дом и ремонт > Электроинструмент > Дрели и шуруповёрты > 6 > DR DS CD
дрель-шуруповёрт|шуруповёрт|дрель|cordless drill; 10.8 12 14.4 18 20 В
бесщёточная|2 аккумулятора|ударная|в кейсе; металл|пластик
Красота > Уход за волосами > Шампуни > 8 > H SH
шампунь|шампунь для волос|шампунь-уход|shampoo; 200 250 400 500 1000 мл
увлажняющий|против перхоти|для объёма|без сульфатов|с кератином; крем|гель
Красота > Уход за кожей > Кремы > 4 > D CR
крем|крем для лица|увлажняющий крем|cream; 15 30 50 75 100 мл
дневной|ночной|SPF 30|с гиалуроновой кислотой|антивозрастной; крем|гель
Одежда и обувь > Обувь > Кроссовки > 7 > RN FS
кроссовки|кеды|спортивная обувь|sneakers; 37 38 39 40 41 42 43 размер
мужские|женские|для бега|зимние|дышащие; кожа|замша|текстиль
Одежда и обувь > Верхняя одежда > Куртки > 3 > JK W
куртка|ветровка|пуховик|jacket; 42 44 46 48 50 52 размер
зимняя|с капюшоном|демисезонная|мужская|женская; нейлон|полиэстер|хлопок
Зоотовары > Корма > Корм для кошек > 3 > CF N
корм для кошек|сухой корм|корм|cat food; 0.4 1.5 2 4 10 кг
с лососем|с курицей|для стерилизованных|для котят; гранулы|паштет
Хобби > Настольные игры > Конструкторы > 1 > LB K
конструктор|набор-конструктор|building set; 120 250 480 900 1200 деталей
для мальчиков|с мотором|совместимый|в коробке; пластик|дерево
"""

# Of each unit: the attribute that holds the measure, and how shops spell it; the first is the attribute's own.
UNITS = {
    "ГБ": ("Встроенная память", "ГБ|гб|GB|Gb|Гб"),
    "мм": ("Диаметр", "мм|mm"),
    "Вт": ("Мощность", "Вт|вт|W"),
    "дюймов": ("Диагональ", "дюймов|дюйм|inch"),
    "л": ("Объем", "л|L|литра|л."),
    "В": ("Напряжение", "В|V|вольт"),
    "мл": ("Объем", "мл|ml|мл."),
    "размер": ("Размер", "размер|р.|р-р|size"),
    "кг": ("Вес", "кг|kg|кг."),
    "деталей": ("Количество деталей", "деталей|дет.|pcs"),
}

BEFORE = ("р.", "р-р", "size")  # stand before their number

COLOURS = (
    "чёрный|черный|black|чёрн.",
    "белый|white|бел.|снежно-белый",
    "серый|grey|темно-серый|графит",
    "синий|blue|тёмно-синий|navy",
    "красный|red|красн.|бордовый",
    "зелёный|зеленый|green|хаки",
    "розовый|pink|пудровый",
    "золотой|золотистый|gold|шампань",
    "серебристый|silver|серебро",
    "бежевый|beige|песочный",
)

# Syllables in both scripts, not always letter for letter: a brand or a line can be spelt by either kind of shop.
SYLLABLES = (
    "ka:ка|ri:ри|no:но|ve:ве|lu:лю|ta:та|mi:ми|so:со|de:де|ro:ро|ba:ба|zi:зи|fo:фо|ga:га|le:ле|na:на|pi:пи|du:ду|"
    "re:рэ|vo:во|shi:ши|to:то|me:ме|ra:ра|ki:ки|lo:ло|sa:са|ti:ти|nu:ню|ma:ма|vi:ви|be:бе|co:ко|lee:ли|do:до|pa:па|"
    "cha:ча|ya:я|wa:ва|quo:кво|ce:се|ju:джу|hi:хи|xa:кса|roo:ру|phi:фи"
)

ENDINGS = "n:н|r:р|x:кс|l:ль|s:с|nt:нт|m:м|rd:рд|:|lt:льт|ck:к|sta:ста"

SUFFIXES = (
    "оригинал|быстрая доставка|гарантия 1 год|хит продаж|новинка|/ официальный магазин|(ростест)|акция|"
    "подарок мужчине|подарок на день рождения|в наличии|!!!|1 шт|со склада|топ качество|official|скидка 20%|new"
)

SHOPS = "Мир Покупок|TechnoShop|ИП Иванов|BestPrice|Домовой|Склад24|GoodStore|Лавка"

LINE_TAILS = ("", "", "", "Pro", "Max", "Lite", "Plus", "Mini", "Ultra", "Air", "Sport", "Home")


@dataclass(frozen=True, slots=True)
class OfferKind:
    """A level-4 category: `share` of lines, `letters` of model codes, measures with their unit."""

    levels: tuple[str, str, str]
    share: int
    letters: tuple[str, ...]
    nouns: tuple[str, ...]
    measures: tuple[str, ...]
    unit: str
    features: tuple[str, ...]
    materials: tuple[str, ...]


def read_offer_kinds() -> list[OfferKind]:
    """The kinds of KINDS in its order."""
    lines = KINDS.strip().splitlines()
    kinds = []
    for head, named, described in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        *levels, share, letters = head.split(" > ")
        nouns, measured = named.split("; ")
        *measures, unit = measured.split()
        features, materials = described.split("; ")
        kinds.append(
            OfferKind(
                (levels[0], levels[1], levels[2]),
                int(share),
                tuple(letters.split()),
                tuple(nouns.split("|")),
                tuple(measures),
                unit,
                tuple(features.split("|")),
                tuple(materials.split("|")),
            )
        )
    return kinds
