"""What tells the variants of a product apart: colours, editions, whom it is for, years, versions."""

from __future__ import annotations

import re
from collections.abc import Callable

from goods.matching.measures import without_amounts

# meaning → its spellings, in the languages of shops, without ё
COLOURS = {
    "black": "black schwarz noir noire negro negra nero nera preto preta zwart zwarte czarny czarna czarne svart sort "
    "musta черный черная черное ebony",
    "white": "white weiß weiss blanc blanche blanco blanca bianco bianca branco branca wit witte biały biała białe vit "
    "hvid hvit valkoinen белый белая белое",
    "grey": "grey gray grau gris grigio grigia cinza cinzento grijs grijze szary szara szare grå graphite graphit "
    "anthracite anthrazit charcoal серый серая серое графит",
    "blue": "blue blau bleu bleue azul blu blauw blauwe niebieski niebieska niebieskie blå navy cobalt royal marine "
    "синий синяя синее голубой голубая",
    "red": "red rot rouge rojo roja rosso rossa vermelho vermelha rood rode czerwony czerwona czerwone röd rød crimson "
    "красный красная красное",
    "green": "green grün vert verte verde groen groene zielony zielona zielone grön grøn olive khaki зеленый зеленая "
    "хаки",
    "yellow": "yellow gelb jaune amarillo amarilla giallo gialla amarelo amarela geel gele żółty żółta żółte gul volt "
    "желтый желтая",
    "orange": "orange naranja arancione arancio laranja oranje pomarańczowy pomarańczowe оранжевый оранжевая",
    "pink": "pink rosa rose roze różowy różowa różowe розовый розовая",
    "purple": "purple lila violet violett violeta viola morado roxo paars fioletowy lavender фиолетовый фиолетовая",
    "brown": "brown braun marron marrón marrone castanho castanha bruin bruine brązowy brązowa brun brązowe cognac "
    "коричневый коричневая",
    "beige": "beige sand cream creme beż beżowy бежевый бежевая песочный",
    "gold": "gold golden doré dorado dorada oro dourado goud gouden złoty złota золотой золотистый",
    "silver": "silver silber argent argenté plateado plateada argento prateado zilver zilveren srebrny srebrna "
    "серебристый серебряный серебро",
}
EDITIONS = {
    "professional": "professional pro prof profi",
    "home": "home personal",
    "student": "student academic education educational edu school teacher",
    "business": "business corporate enterprise office",
    "upgrade": "upgrade upg upgr update",
    "oem": "oem bulk",
    "retail": "retail box boxed",
    "full": "full complete",
    "standard": "standard std basic",
    "deluxe": "deluxe dlx premium premier platinum",
    "ultimate": "ultimate ultra extreme",
    "lite": "lite light express essentials starter elements mini",
    "plus": "plus",
    "max": "max xl",
    "kit": "kit bundle combo set комплект набор",
    "body": "body",
    "used": "refurbished refurb renewed used восстановленный",
    "mac": "mac macintosh macos osx",
    "windows": "win windows pc",
}
AUDIENCES = {
    "men": "men mens man herren heren homme hombre uomo homem męskie мужские мужской",
    "women": "women womens wmns woman damen dames femme mujer donna mulher damskie женские женский",
    "children": "kids kid junior boys girls youth children jr gs bg td ps kinder enfant niño bambino детский детские",
}
ROMAN = {
    numeral: value
    for value, numeral in enumerate(["ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"], 2)
}
_WORD = re.compile(r"[^\W_]+")
_YEAR = re.compile(r"(?<![^\W_])(?<![.,/-])(19[89]\d|20[0-4]\d)(?![^\W_]|[.,/-]\d)")
_VERSION = re.compile(
    r"\b(?:v|ver|version|versione|mk|mark|gen|generation|series|rev|вер|версия)[\s.]{0,2}"
    r"(\d{1,2}(?:\.\d{1,2})?|[ivx]{1,4})(?![^\W_])"
    r"|(?<![^\W_])(?<![.,/-])(\d{1,2}\.\d)(?![^\W_]|[.,/-]\d|\s?[\"″”x×])"  # "2.0", no size
    r"|(?<![^\W_])(\d{1,2})(?:st|nd|rd|th)\sgen"
    r"|(?<=[^\W\d_] )(ii|iii|iv|vi|vii|viii|ix)(?![^\W_])"
)


def versions(name: str) -> list[float]:
    """Numbers of versions and generations: "v2", "2.0", "mark iii", "3rd gen"."""
    found = [next(filter(None, parts)) for parts in _VERSION.findall(without_amounts(name))]
    return [float(ROMAN.get(v, v)) for v in found if v in ROMAN or v[0].isdigit()]


def years(name: str) -> list[float]:
    return [float(year) for year in _YEAR.findall(name)]


def reader(meanings: dict[str, str]) -> Callable[[str], list[float]]:
    """Reads which meanings a name has, by their place among `meanings` (meaning → its spellings)."""
    place = {word: float(k) for k, spellings in enumerate(meanings.values()) for word in spellings.split()}
    return lambda name: [place[word] for word in _WORD.findall(name) if word in place]
