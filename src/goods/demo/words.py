"""Vocabulary of the demo marketplace and the category tree that grows from it.

A kind is a sort of product ("Платья"); where more classes are wanted it splits into variants by its
family's modifiers ("Платья летние", "Платья летние из хлопка").
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, product
from math import ceil, prod

import numpy as np

from goods.core.errors import GoodsError

ROOT_ID, ROOT_TITLE, FIRST_ID = 1, "Все категории", 10001

# Header: department > group > family > words that fit the whole group. Then "title: silhouette: words",
# a word ending in its gender (m, f, n) or p for plural.
CATALOGUE = """
Одежда > Платья и юбки > wear > Женская одежда|Стильный образ|Модная новинка
Платья: dress: платье n|сарафан m|туника f
Юбки: skirt: юбка f|юбочка f
Комбинезоны: overall: комбинезон m|полукомбинезон m
Одежда > Верх > wear > Одежда|Повседневная одежда|Базовая вещь
Футболки: tshirt: футболка f|майка f|поло n
Рубашки: shirt: рубашка f|сорочка f|блузка f
Свитеры: sweater: свитер m|джемпер m|пуловер m
Куртки: jacket: куртка f|ветровка f|бомбер m
Одежда > Низ и бельё > wear > Одежда|Удобная одежда|Базовая вещь
Брюки: trousers: брюки p|штаны p|джоггеры p
Шорты: shorts: шорты p|бермуды p
Носки: sock: носки p|гольфы p
Обувь > Обувь на каждый день > shoes > Обувь|Удобная обувь|Пара обуви
Кроссовки: sneaker: кроссовки p|кеды p|сникерсы p
Туфли: heel: туфли p|лодочки p|туфельки p
Тапочки: slipper: тапочки p|тапки p|шлёпанцы p
Обувь > Обувь по сезону > shoes > Обувь|Сезонная обувь|Пара обуви
Сапоги: boot: сапоги p|сапожки p
Ботинки: ankle: ботинки p|полуботинки p
Сандалии: sandal: сандалии p|босоножки p
Аксессуары > Сумки и чемоданы > bags > Аксессуар|Изделие для поездок|Вместительная модель
Сумки: bag: сумка f|сумочка f|клатч m
Рюкзаки: backpack: рюкзак m|ранец m
Кошельки: wallet: кошелёк m|портмоне n|бумажник m
Чемоданы: suitcase: чемодан m|чемоданчик m
Аксессуары > Украшения и часы > bags > Аксессуар|Украшение|Модный аксессуар
Часы наручные: watch: часы p|часики p
Браслеты: ring: браслет m|браслетик m
Очки: glasses: очки p|оправа f
Аксессуары > Головные уборы > bags > Аксессуар|Головной убор|Тёплый аксессуар
Шапки: hat: шапка f|шапочка f
Кепки: cap: кепка f|бейсболка f
Перчатки: glove: перчатки p|варежки p
Ремни: belt: ремень m|пояс m
Электроника > Аксессуары для телефонов > phone > Аксессуар для телефона|Аксессуар|Товар для смартфона
Чехлы: case: чехол m|бампер m|накладка f
Кабели: cable: кабель m|шнур m|провод m
Держатели: stand: держатель m|подставка f
Защитные стёкла: phone: стекло n|плёнка f
Электроника > Звук и питание > phone > Гаджет|Электроника|Умное устройство
Наушники: headphones: наушники p|гарнитура f
Колонки: speaker: колонка f|динамик m
Пауэрбанки: powerbank: пауэрбанк m|аккумулятор m
Зарядные устройства: charger: зарядка f|адаптер m
Электроника > Для компьютера > phone > Гаджет|Товар для компьютера|Электроника
Мыши: mouse: мышь f|мышка f
Клавиатуры: keyboard: клавиатура f|клава f
Веб-камеры: camera: камера f|вебка f
Кухня > Посуда > kitchen > Посуда|Товар для кухни|Предмет сервировки
Кружки: mug: кружка f|чашка f|бокал m
Тарелки: plate: тарелка f|блюдо n
Сковороды: pan: сковорода f|сковородка f
Кастрюли: pot: кастрюля f|ковш m
Кухня > Хранение и приготовление > kitchen > Товар для кухни|Кухонная утварь|Помощник на кухне
Ножи кухонные: knife: нож m|тесак m
Разделочные доски: board: доска f|досочка f
Контейнеры: box: контейнер m|ланч-бокс m
Термосы: thermos: термос m|термокружка f
Бутылки: bottle: бутылка f|фляга f
Дом > Текстиль > home > Товар для дома|Домашний текстиль|Уют в доме
Полотенца: towel: полотенце n|салфетка f
Подушки: pillow: подушка f|наволочка f
Одеяла: blanket: одеяло n|плед m|покрывало n
Шторы: curtain: шторы p|портьеры p|тюль m
Дом > Освещение и декор > home > Товар для дома|Декор|Предмет интерьера
Лампы: lamp: лампа f|светильник m|ночник m
Часы настенные: clock: часы p|будильник m
Вазы: vase: ваза f|вазочка f
Свечи: candle: свеча f|подсвечник m
Дом > Мебель > home > Мебель|Предмет интерьера|Товар для дома
Стулья: chair: стул m|табурет m
Столы: table: стол m|столик m
Полки: shelf: полка f|стеллаж m
Кресла: sofa: кресло n|диванчик m
Красота > Уход за кожей > beauty > Косметика|Уходовое средство|Средство для ухода
Кремы: jar: крем m|крем-гель m|бальзам m
Маски: sachet: маска f|патчи p
Сыворотки: dropper: сыворотка f|эссенция f
Лосьоны: tube: лосьон m|молочко n
Красота > Уход за волосами > beauty > Косметика|Средство для волос|Уходовое средство
Шампуни: shampoo: шампунь m|кондиционер m
Расчёски: comb: расчёска f|гребень m
Масла для волос: dropper: масло n|флюид m
Красота > Макияж > beauty > Косметика|Декоративная косметика|Бьюти-новинка
Помады: lipstick: помада f|блеск m|тинт m
Кисти для макияжа: brush: кисть f|спонж m
Лаки: polish: лак m|гель-лак m
Детские товары > Игрушки > toys > Игрушка|Подарок ребёнку|Товар для детей
Куклы: doll: кукла f|пупс m
Машинки: car: машинка f|грузовик m
Мягкие игрушки: bear: мишка m|зайка m|плюшевая игрушка f
Конструкторы: bricks: конструктор m|кубики p
Детские товары > Игры > toys > Игра|Подарок ребёнку|Товар для детей
Пазлы: puzzle: пазл m|мозаика f
Мячи: ball: мяч m|мячик m
Пирамидки: pyramid: пирамидка f|сортер m
Спорт > Фитнес > sport > Спорттовар|Инвентарь|Товар для тренировок
Гантели: dumbbell: гантели p|гантель f|гиря f
Коврики спортивные: roll: коврик m|мат m
Эспандеры: ring: эспандер m|резинка f
Спорт > Туризм > sport > Спорттовар|Товар для отдыха|Снаряжение
Палатки: tent: палатка f|шатёр m
Удочки: rod: удочка f|спиннинг m
Фонари: flashlight: фонарь m|фонарик m
Инструменты > Ручной инструмент > tools > Инструмент|Товар для ремонта|Полезное для мастера
Молотки: hammer: молоток m|киянка f
Отвёртки: screwdriver: отвёртка f|отвёртки p
Гаечные ключи: wrench: ключ m|головка f
Дрели: drill: дрель f|шуруповёрт m
Инструменты > Автотовары > tools > Автотовар|Товар для авто|Полезное для водителя
Автоковрики: board: коврик m|коврики p
Щётки для авто: brush: щётка f|скребок m
Домкраты: stand: домкрат m|подставка f
Зоотовары > Для питомцев > pets > Зоотовар|Товар для питомца|Для животных
Миски: bowl: миска f|кормушка f
Лежанки: pillow: лежанка f|домик m
Поводки: cable: поводок m|шлейка f
Переноски: box: переноска f|сумка f
Канцелярия > Бумага и письмо > paper > Канцелярия|Товар для учёбы|Для школы и офиса
Тетради: book: тетрадь f|тетрадка f
Блокноты: book: блокнот m|ежедневник m
Ручки: pen: ручка f|роллер m
Маркеры: marker: маркер m|фломастер m
Пеналы: case: пенал m|косметичка f
"""

# Three axes per family; alternatives by "|", the first names the category. "~" marks an adjective's stem
# (soft sign: soft declension; "!": stressed ending), anything else is invariable.
AXES = {
    "wear": "~летнь|на лето, ~зимнь|на зиму, ~вечернь|на праздник, ~домашнь|для дома, ~спортивн|для спорта, "
    "~офисн|в офис; из хлопка|хлопок, изо льна|лён, ~шерстян!|шерсть, ~трикотажн|трикотаж, ~вискозн|вискоза; "
    "больших размеров|plus size, оверсайз|oversize, для беременных, для подростков|подростку, с принтом",
    "shoes": "~летнь|на лето, ~зимнь|с мехом, ~демисезонн|на осень, ~спортивн|для бега, ~домашнь|для дома; "
    "~кожан|из кожи, ~замшев|замша, ~текстильн|текстиль, ~резинов|из резины; "
    "~женск|женщинам, ~мужск!|мужчинам, для девочек|девочке, для мальчиков|мальчику",
    "bags": "~женск|для женщин, ~мужск!|для мужчин, ~детск|для детей, унисекс|unisex, для подростков; "
    "~кожан|из кожи, ~текстильн|ткань, ~джинсов|деним, из экокожи|экокожа; "
    "~дорожн|в дорогу, ~спортивн|для спорта, ~городск!|в город, ~вечернь|на праздник",
    "phone": "для iPhone|iPhone 13|айфон, для Samsung|Galaxy A52|самсунг, для Xiaomi|Redmi Note 10|сяоми, "
    "для Huawei|Honor 9|хуавей, для Realme|реалми, ~универсальн|для всех моделей; "
    "с подсветкой|LED, ~усиленн|~ударопрочн, ~складн!|трансформер, ~магнитн|на магните, ~тонк|slim; "
    "для авто|в машину, для детей|детям, для игр|gaming, для путешествий|в дорогу",
    "kitchen": "из стекла|~стеклянн, ~керамическ|из керамики, ~стальн!|нержавейка, ~пластиков|из пластика, "
    "~деревянн|бамбук; для дачи|на дачу, для кафе|HoReCa, ~походн|в поход, ~подарочн|в подарок; "
    "~маленьк|мини, большого размера|XXL, в наборе|комплект, ~детск|для детей",
    "home": "для гостиной|в зал, для спальни|в спальню, для кухни|на кухню, для ванной|в ванную, "
    "для детской|в детскую; в стиле лофт|loft, в скандинавском стиле|сканди, ~классическ|классика, "
    "в стиле прованс|прованс; ~маленьк|мини, большого размера|макси, ~подарочн|в подарок, "
    "~новогоднь|к Новому году",
    "beauty": "~увлажняющ|увлажнение, ~питательн|питание, ~очищающ|очищение, ~антивозрастн|anti-age, "
    "~успокаивающ|с алоэ; ~корейск|Корея, ~натуральн|organic, ~аптечн|pharma, ~профессиональн|pro; "
    "для мужчин|men, для детей|kids, для подростков|teen, ~дорожн|travel",
    "toys": "для девочек|девочке, для мальчиков|мальчику, для малышей|малышу, для школьников|школьнику; "
    "~деревянн|из дерева, ~пластиков|пластик, ~музыкальн|со звуком, с подсветкой|со светом, ~мягк|плюш; "
    "~развивающ|монтессори, ~новогоднь|на Новый год, ~подарочн|в подарок, ~миниатюрн|мини",
    "sport": "для фитнеса|фитнес, для туризма|в поход, для рыбалки|рыбаку, для бега|бег, для дома|дома; "
    "~женск|для женщин, ~мужск!|для мужчин, ~детск|для детей, ~профессиональн|pro; "
    "~складн!|~раскладн!, ~усиленн|~прочн, ~лёгк|ultralight, ~компактн|мини",
    "tools": "для дома|~домашнь, для гаража|в гараж, для автосервиса|сервис, для дачи|на дачу, "
    "для стройки|на стройку; ~ручн!|механика, ~усиленн|~прочн, ~компактн|мини, ~профессиональн|pro; "
    "в наборе|комплект, в кейсе|кейс, ~подарочн|в подарок, ~детск|для детей",
    "pets": "для кошек|кошке, для собак|собаке, для щенков|щенку, для грызунов|хомяку, для птиц|попугаю; "
    "~маленьк|мини, большого размера|макси, ~складн!|~раскладн!, ~мягк|soft; "
    "~дорожн|в дорогу, ~уличн|на улицу, ~домашнь|дома, ~подарочн|в подарок",
    "paper": "для школы|школьнику, для офиса|в офис, для творчества|арт, для дошкольников|малышу; "
    "~подарочн|в подарок, ~детск|для детей, ~делов!|бизнес, эко-серии|eco; "
    "в наборе|набор, ~маленьк|мини, большого формата|макси, ~новогоднь|к Новому году",
}

BRANDS = {
    "wear": "Lunaria|Велика|Nordika|ТриКо|Selmar|Ивстиль|Bellona|Arvento",
    "shoes": "Stepora|Калита|Runvik|Обувград|Mirelli|Tofano|Шагай",
    "bags": "Valenti|Саквояж|Pelleno|Urbano|Ridex|Каравелла|Timeon",
    "phone": "Zarnix|Volta|Техно+|Kubix|Smartli|HOXO|Gigabo|Орбита",
    "kitchen": "Кухмастер|Gustino|Vetta Home|Поварёшка|Stalvar|Bonapet",
    "home": "Уютея|Домиан|Lumiro|Nordhaus|ТексДом|Камелия",
    "beauty": "Bioriya|Чистая линейка|Hanulab|Derma+|Rosalin|Травник",
    "toys": "Игруля|Bambino Toys|УмкаПлюс|Kidzo|Весёлый ёж|Plastik",
    "sport": "Атлант|Fitora|Sportiq|Таймыр|Energo|Volna",
    "tools": "Мастер|Forsazh|Зубрик|Kraftor|Стройка|Ingart",
    "pets": "Мурлыка|Petino|Дружок|Zoonik|Лапа|Хвостик",
    "paper": "Пиши|Officeo|Буквица|Hattrik|Клякса|Profpen",
}

SIZES = {
    "wear": "42|44|46|48|50|52|XS|S|M|L|XL|XXL|р. 44-46|48-50",
    "shoes": "36|37|38|39|40|41|42|43|р.38|24,5 см",
    "bags": "20 л|35 л|one size|универсальный|30х20 см|56-58",
    "phone": "1 м|2 м|10000 mAh|USB-C|Type-C|6.1 дюйма|20 Вт",
    "kitchen": "250 мл|350 мл|0,5 л|1 л|20 см|24 см|28 см|6 шт",
    "home": "50х70|70х70|140х200|200х220 см|30 см|60 см|2 шт",
    "beauty": "30 мл|50 мл|100 мл|250 мл|5 г|тон 02|тон 104",
    "toys": "20 см|30 см|60 дет.|120 деталей|3+|6+|1:24",
    "sport": "1 кг|2 кг|5 кг|180 см|2,4 м|10 мм|2-местная",
    "tools": "12 мм|300 г|500 г|18В|1/2|набор 8 пр.|75 см",
    "pets": "S|M|L|40х30 см|0,3 л|2 м|до 8 кг",
    "paper": "А4|А5|48 л|96 листов|0,5 мм|12 цв.|набор 4 шт",
}

# In the order of photos.RGB.
COLOURS = [
    "~чёрн",
    "~бел",
    "~сер",
    "~красн",
    "~синь",
    "~голуб!",
    "~зелён",
    "~жёлт",
    "~розов",
    "~оранжев",
    "~коричнев",
    "~бежев",
    "~фиолетов",
    "~бирюзов",
]

MATERIALS = "хлопок|полиэстер|пластик|металл|дерево|силикон|экокожа|стекло|резина|комбинированный"

FILLERS = (
    "новинка|хит|хит продаж|оригинал|премиум|топ|стильный дизайн|качество|в ассортименте|1 шт|скидка|!!!|"
    "бесплатная доставка|в подарок|тренд 2023|люкс|модель года|2 в 1|original|акция"
)

VAGUE = (
    "Хит продаж 2023|Отличный подарок|Новая коллекция|Товар дня|Распродажа остатков|Лучшая цена|"
    "Артикул на фото|Смотрите фото|Выбор покупателей|Новинка сезона"
)

PRAISE = (
    "Отличное качество по доступной цене.|Быстрая доставка по всей стране.|Понравится всей семье.|"
    "Удобно и практично на каждый день.|Идеальный подарок близким &amp; друзьям.|"
    "Размер и цвет &mdash; на фото.|Цвет может немного отличаться из-за настроек монитора.|"
    "Перед покупкой уточняйте наличие.|Внимание!&nbsp;Возможна пересортица.|"
    "Уход: деликатный.|Произведено с любовью.|Гарантия 14 дней."
)

SHOP_WORDS = (
    "Дом|Мир|Лавка|Центр|Маркет|Планета|Империя|Территория;уюта|стиля|скидок|подарков|покупок|выгоды|мастера|"
    "семьи|радости|качества"
)

SHOP_LATIN = "Best|Lux|Smart|Mega|Top|Easy|Royal|Eco|Fast|Happy;Store|Shop|Line|Trade|Market|Plus|Group|House"

SHOP_OWNERS = "Иванова А.|Петров С.|Сидорова|Ким В.|Ахметов Р.|Гараев|Белова Н.|Орлов|Юсупова Г.|Смирнов"


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of product; `words` are (singular name, gender), `generic` fit its whole group."""

    department: str
    group: str
    title: str
    family: str
    silhouette: str
    words: tuple[tuple[str, str], ...]
    generic: tuple[str, ...]

    def axes(self) -> list[list[tuple[str, ...]]]:
        """Modifier axes, each a list of interchangeable wordings."""
        parts = [axis.split(",") for axis in AXES[self.family].split(";")]
        return [[tuple(entry.strip().split("|")) for entry in axis] for axis in parts]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A class: a kind, or its `variant`-th modification (0 with no modifiers where the kind is whole)."""

    category_id: int
    path: tuple[str, ...]
    kind: int
    variant: int
    modifiers: tuple[tuple[str, ...], ...]


def inflect(form: str, gender: str) -> str:
    """A modifier's wording agreeing with `gender`: m, f, n or p (plural)."""
    if not form.startswith("~"):
        return form
    stem, stressed = form[1:].rstrip("!"), form.endswith("!")
    if stem.endswith("ь"):
        return stem[:-1] + {"m": "ий", "f": "яя", "n": "ее", "p": "ие"}[gender]
    hissing, velar = stem[-1] in "жшщ", stem[-1] in "кгхжшщ"
    masculine = "ой" if stressed else "ий" if velar else "ый"
    return (
        stem
        + {"m": masculine, "f": "ая", "n": "ее" if hissing else "ое", "p": "ие" if velar else "ые"}[gender]
    )


def read_kinds() -> list[Kind]:
    """The kinds of CATALOGUE in its order."""
    kinds: list[Kind] = []
    head: list[str] = []
    for line in CATALOGUE.strip().splitlines():
        if " > " in line:
            head = line.split(" > ")
            continue
        title, silhouette, words = line.split(": ")
        pairs = tuple((word[:-2], word[-1]) for word in words.split("|"))
        department, group, family, generic = head
        kinds.append(Kind(department, group, title, family, silhouette, pairs, tuple(generic.split("|"))))
    return kinds


def variant_counts(kinds: list[Kind], classes: int, rng: np.random.Generator) -> dict[int, int]:
    """How many leaves each chosen kind gets: about half of the kinds stay whole in a small tree."""
    used = min(len(kinds), ceil(classes * 0.55))
    chosen = [int(k) for k in rng.permutation(len(kinds))[:used]]
    extra = classes - used
    widened = chosen[: min(ceil(used * 0.85), max(1, ceil(extra / 2.2)))]
    limits = {k: prod(len(axis) for axis in kinds[k].axes()) for k in widened}
    if extra > sum(limits.values()) - len(limits):
        most = used + sum(limits.values()) - len(limits)
        raise GoodsError(f"classes={classes}: the demo vocabulary has fewer; ask for at most {most}")
    counts = dict.fromkeys(chosen, 1)
    for k in cycle(widened + widened[::2] + widened[::4]):  # uneven on purpose: some kinds split finer
        if extra == 0:
            break
        if counts[k] < limits[k]:
            counts[k] += 1
            extra -= 1
    return dict(sorted(counts.items()))


def variants(
    kind: Kind, count: int, turn: int, rng: np.random.Generator
) -> list[tuple[tuple[str, ...], ...]]:
    """`count` distinct modifier combinations from as few axes as hold them; `turn` says which is first."""
    if count == 1:
        return [()]
    axes = kind.axes()
    axes = axes[turn % 3 :] + axes[: turn % 3]
    depth = next(d for d in (1, 2, 3) if prod(len(axis) for axis in axes[:d]) >= count)
    combos = list(product(*axes[:depth]))
    return [combos[i] for i in sorted(rng.permutation(len(combos))[:count])]


def grow_tree(
    kinds: list[Kind], classes: int, rng: np.random.Generator
) -> tuple[list[Leaf], list[tuple[int, str, int]]]:
    """`classes` leaves 3 or 4 levels below the root, and every node as (id, title, parent_id)."""
    nodes: dict[tuple[str, ...], tuple[int, str, int]] = {(): (ROOT_ID, ROOT_TITLE, 0)}

    def node_id(path: tuple[str, ...]) -> int:
        if path not in nodes:
            parent = node_id(path[:-1])
            nodes[path] = (FIRST_ID + len(nodes) - 1, path[-1], parent)
        return nodes[path][0]

    leaves: list[Leaf] = []
    for k, count in variant_counts(kinds, classes, rng).items():
        kind = kinds[k]
        path = (kind.department, kind.group, kind.title)
        for variant, modifiers in enumerate(variants(kind, count, k, rng)):
            title = " ".join([kind.title, *(inflect(forms[0], "p") for forms in modifiers)])
            leaf_path = (*path, title) if modifiers else path
            leaves.append(Leaf(node_id(leaf_path), leaf_path, k, variant, modifiers))
    return leaves, list(nodes.values())
