"""Words that mix Latin and Cyrillic letters of one shape: "Kофe", "сотtоn" → the word's own alphabet."""

from __future__ import annotations

import re
import unicodedata
from string import ascii_letters

MIXED = re.compile(r"[A-Za-z][А-яЁё]|[А-яЁё][A-Za-z]")  # an accent between them is seen once it is composed

_MARKS = "\u0300-\u036f"

_MIXED_APART = re.compile(f"[A-Za-z][{_MARKS}]*[А-яЁё]|[А-яЁё][{_MARKS}]*[A-Za-z]")

# a capital after a small letter begins a word of its own: "кофеX5"
_WORD = re.compile(rf"(?:[A-ZА-ЯЁ][{_MARKS}]*)*(?:[a-zа-яё][{_MARKS}]*)+|(?:[A-ZА-ЯЁ][{_MARKS}]*)+")

_ACCENT, _STRESS = re.compile(f"[{_MARKS}]"), re.compile("[\u0300\u0301]")

_LATIN, _CYRILLIC = "AaBCcEeHKkMOoPpTXxYy", "АаВСсЕеНКкМОоРрТХхУу"

_TO_CYRILLIC = str.maketrans(_LATIN, _CYRILLIC)
_TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)

_CYRILLIC_SHAPE = re.compile(f"[{_CYRILLIC}]")
_LATIN_SHAPES = re.compile(rf"(?<![\w{_MARKS}])(?:[{_LATIN}]{{2,}}|[{_LATIN.lower()}])(?![\w{_MARKS}])")

_LAST_WORD, _FIRST_WORD, BESIDE = re.compile(r"\w+\W*$"), re.compile(r"\w+"), 40

_LATIN_LETTER, _CYRILLIC_LETTER = re.compile(r"[A-Za-z]"), re.compile(r"[А-яЁё]")
_OWN_LATIN = re.compile("[" + re.sub(f"[{_LATIN}]", "", ascii_letters) + "]")
_OWN_CYRILLIC = re.compile(f"(?![{_CYRILLIC}])[А-яЁё]")

# as many letters of the other alphabet together are a word of its own, unless the text around is of this one
_LONG_LATIN, _LONG_CYRILLIC = re.compile(r"[A-Za-z]{4}"), re.compile(r"[А-яЁё]{4}")

# but Latin ones are not where the alphabets take turns or the rest is too short for a word: "kpacнoe", "Mapkeт"
_LATIN_PART, _CYRILLIC_PART = rf"(?:[A-Za-z][{_MARKS}]*){{3,}}", rf"(?:[А-яЁё][{_MARKS}]*){{3,}}"
_TWO_WORDS = re.compile(f"{_LATIN_PART}{_CYRILLIC_PART}|{_CYRILLIC_PART}{_LATIN_PART}")

_ONLY_LATIN = re.compile(rf"[A-Za-z{_MARKS}]*")
_ONLY_CYRILLIC = re.compile(rf"[А-яЁё{_MARKS}]*")


def unmixed(text: str) -> str:
    """Every word of letters of both alphabets in the one that all of its letters have a shape in; where both would do,
    in that of most of its letters. What is not a mixed word stays as it is, and so do words that neither can write
    ("USBкабель"), two words written as one ("Хрусteam"), and where both would do those of as many letters of either or
    with a digit beside ("X5", "АB1").

    A text most of whose letters of shapes that both alphabets have were Latin ones inside Cyrillic words was disguised
    as a whole: in it words of such letters alone are Cyrillic too ("caxap")."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)  # é of "кофé" is Latin e with an accent
    if not _MIXED_APART.search(apart):
        return text
    counts = _own(apart)
    fixed = _WORD.sub(lambda word: _in_own_alphabet(word, apart, counts), apart)
    if fixed == apart:
        return text
    if _replaced(apart, fixed) > len(_CYRILLIC_SHAPE.findall(apart)):
        fixed = _LATIN_SHAPES.sub(_among_cyrillic, fixed)
    return unicodedata.normalize("NFC", fixed)


def _among_cyrillic(match: re.Match[str]) -> str:
    """The word in Cyrillic, unless one beside it is Latin: "Ahmad Tea"."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    beside = (_LAST_WORD.search(before[-BESIDE:]), _FIRST_WORD.search(after[:BESIDE]))
    if any(_OWN_LATIN.search(word[0]) for word in beside if word):
        return match[0]
    return match[0].translate(_TO_CYRILLIC)


def _replaced(before: str, after: str) -> int:
    """How many Latin letters became Cyrillic ones."""
    return sum(a != b and a in _LATIN for a, b in zip(before, after, strict=True))


def _own(text: str) -> tuple[int, int]:
    """Letters that only the Latin, only the Cyrillic alphabet has."""
    return len(_OWN_LATIN.findall(text)), len(_OWN_CYRILLIC.findall(text))


def _composes(word: str) -> bool:
    """Whether its accents are of this alphabet: ё or a stress in Cyrillic, not ē."""
    return not _ACCENT.search(unicodedata.normalize("NFC", _STRESS.sub("", word)))


def _in_own_alphabet(match: re.Match[str], text: str, counts: tuple[int, int]) -> str:
    """`counts`: what `_own` says of the text, this word among it."""
    word = match.group()
    n_latin, n_cyrillic = len(_LATIN_LETTER.findall(word)), len(_CYRILLIC_LETTER.findall(word))
    if not (n_latin and n_cyrillic):
        return word
    cyrillic, latin = word.translate(_TO_CYRILLIC), word.translate(_TO_LATIN)
    can_cyrillic = _ONLY_CYRILLIC.fullmatch(cyrillic) is not None and _composes(cyrillic)
    can_latin = _ONLY_LATIN.fullmatch(latin) is not None and _composes(latin)
    if can_cyrillic and can_latin:
        beside = text[max(match.start() - 1, 0) : match.start()] + text[match.end() : match.end() + 1]
        if n_latin == n_cyrillic or any(sign.isdigit() for sign in beside):
            return word
        return cyrillic if n_cyrillic > n_latin else latin
    own = _own(word)
    around_latin, around_cyrillic = counts[0] - own[0], counts[1] - own[1]
    two_words = _LONG_LATIN.search(word) and _TWO_WORDS.fullmatch(word)
    if can_cyrillic and (around_cyrillic > around_latin or n_cyrillic > n_latin or not two_words):
        return cyrillic
    if can_latin and (
        around_latin > around_cyrillic or n_latin > n_cyrillic or not _LONG_CYRILLIC.search(word)
    ):
        return latin
    return word
