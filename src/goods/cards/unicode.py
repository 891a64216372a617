"""Text that looks alike is made alike: what readers find goes through `normalised` once, before it becomes a card.

Compatibility forms are replaced where nothing is lost (full width, ligatures, presentation forms, squared units, Roman
numerals), not where it is: "10²" is not 102, "1½" not 11/2, and "№" and "™" stay the signs that everybody writes. ё
stays ё: to fold it is a model's choice.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from goods.cards.lookalikes import MIXED, unmixed

# signs of a text that needs nothing, so that most texts cost one search
_USUAL = " -~А-яЁё«»—–„“”‘’…°№²³½™®©×•€₽"
_UNUSUAL = re.compile(f"[^{_USUAL}]")
UNUSUAL = f"{_UNUSUAL.pattern}|{MIXED.pattern}"  # finds, as one pattern, the texts that are not usual

# soft hyphen, zero width, direction, byte order mark, variation selectors, tags
_INVISIBLE = (
    "\u00ad\u034f\u061c\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffc\U000e0000-\U000e0fff"
)
# joiners are part of how Arabic and the scripts of India are spelt, and of emoji
_JOINED = "\u0600-\u08ff\u0900-\u109f\u1780-\u18af\u2190-\u2bff\U0001f000-\U0001faff"
_UNSEEN = re.compile(f"[{_INVISIBLE}]+|(?<![{_JOINED}])[\u200c\u200d]+")

_BLANKS = re.compile("[\\s\x00-\x1f\x7f-\x9f\u115f\u1160\u2800\u3164\uffa0\ud800-\udfff]+")

_FORMS = ("<wide>", "<narrow>", "<font>", "<initial>", "<medial>", "<final>", "<isolated>", "<square>")
_LETTERS = ("Lu", "Ll", "Lt", "Nl")
_SYNTAX = ('"', "\\")  # of JSON: a text that holds some stays readable

_STRESS = re.compile("([АЕЁИОУЫЭЮЯаеёиоуыэюяІіЇїЄє])[\u0300\u0301]+")
_GRAVE = str.maketrans("ЀѐЍѝ", "ЕеИи")

# the first two bytes of a letter or sign as other encodings show them
_GARBLED = re.compile(
    "[РС][^\x00-\x7fА-яЁё]|[ÂÃÅÎÏÐÑâ][^\x00-\x7fA-Za-zÀ-ÿ]|[ÂÃÅÎÏÐÑ][\xa0-\xbf]|[вГ][^\x00-\x7fА-яЁё]"
)


# a blank behind these was the second byte of a letter, or of a blank that does not break
_LOST = re.compile("(?<=[РВ]) ")


def _mended(text: str) -> str:
    """UTF-8 that was read as something else, where the whole text is Windows' Cyrillic for it or ftfy is sure of it."""
    garbled = len(_GARBLED.findall(text))
    if not garbled:
        return text
    import ftfy  # its tables take a while: only who meets such a text pays

    if garbled > 1:
        try:
            return _LOST.sub("\u00a0", text).encode("sloppy-windows-1251").decode()
        except UnicodeError:
            pass
    return ftfy.fix_encoding(text)


def _seen(text: str) -> str:
    return _UNSEEN.sub("", text)


def _blanks(text: str) -> str:
    return " ".join(_BLANKS.sub(" ", text).split())


class _Forms(dict[int, str]):
    """A table for str.translate: each sign's own form, looked up once."""

    def __missing__(self, code: int) -> str:
        self[code] = _form(chr(code))
        return self[code]


def _form(sign: str) -> str:
    tag = unicodedata.decomposition(sign).partition(" ")[0]
    if tag in _FORMS or (tag == "<compat>" and unicodedata.category(sign) in _LETTERS):
        plain = unicodedata.normalize("NFKC", sign)
        return sign if plain in _SYNTAX else plain
    return sign


_OWN_FORM = _Forms()


def _formed(text: str) -> str:
    return text.translate(_OWN_FORM)


def _composed(text: str) -> str:
    """й, ё and é as one sign; no stress on Cyrillic vowels."""
    text = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", _STRESS.sub(r"\1", text).translate(_GRAVE))


STEPS = {
    "wrong encoding": _mended,
    "invisible signs": _seen,
    "compatibility forms": _formed,
    "look-alike letters": unmixed,
    "stress or letters in parts": _composed,
    "unusual blanks": _blanks,
}


def is_usual(text: str) -> bool:
    """Whether a look at the signs tells that there is nothing to do."""
    return not _UNUSUAL.search(text) and (text.isascii() or not MIXED.search(text))


def normalised(text: str) -> tuple[str, tuple[str, ...]]:
    """The text as it looks, and which of STEPS changed it. Normalising it again changes nothing."""
    changed: dict[str, None] = {}
    before = ""
    # again, as one step uncovers what another takes: a mended encoding a soft hyphen
    while text != before and not is_usual(text):
        before = text
        for name, step in STEPS.items():
            if (after := step(text)) != text:
                text = after
                changed[name] = None
    return text, tuple(changed)


@lru_cache(maxsize=100_000)
def _plain(text: str) -> str:
    return normalised(text)[0]


def plain(text: str) -> str:
    """The text as it looks, for names and values that a reader compares."""
    return text if is_usual(text) else _plain(text)
