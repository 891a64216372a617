"""Why settings are refused, in the words of docs/messages.md: each kind of pydantic's errors is worded here, once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple, get_args

import yaml
from pydantic import BeforeValidator, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

from goods.core.meant import meant
from goods.core.wording import count

MOST = 10  # mistakes of one file that are told
LONGEST = 60  # signs of a value that are shown
TEXT, LIST, MAPPING, NUMBER, WHOLE, FLAG = (
    "a text",
    "a list",
    "a mapping (key: value)",
    "a number",
    "a whole number",
    "true or false",
)
# kind of error → what is expected; braces hold what the error says of the limit
EXPECTED = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "too_short": "{items} at least",
    "too_long": "{items} at most",
    "string_too_short": "{signs} at least",
    "string_too_long": "{signs} at most",
    "none_required": "null",
    "string_unicode": "a text that can be written in UTF-8",
    **dict.fromkeys(("string_type", "bytes_type"), TEXT),
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type", "iterable_type"), LIST),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), MAPPING),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), FLAG),
}


class Refusal(NamedTuple):
    """One setting that is refused: its key, the value given, and what was expected, or, where the settings themselves
    say it, what is wrong."""

    key: tuple[str, ...]
    value: Any
    expected: tuple[str, ...] = ()
    wrong: str = ""

    @property
    def why(self) -> str:
        """What is wrong, of a value that has been told."""
        if self.wrong:
            return self.wrong
        return f"expected {' or '.join(self.expected)}{spelled(self.value, self.expected)}"

    def __str__(self) -> str:
        if self.wrong.startswith(UNKNOWN):
            return f"unknown key {'.'.join(self.key)!r}{self.wrong.removeprefix(UNKNOWN)}"
        where = f"key {'.'.join(self.key)!r}: " if self.key else ""
        return f"{where}{self.wrong or f'is {shown(self.value)}, {self.why}'}"


UNKNOWN, MISSING = "is no key that is known", "is missing; give it"


def refusals(error: ValidationError, data: Any) -> list[Refusal]:
    """What is wrong with `data`, key by key: of a setting that may be of several kinds, all that were expected."""
    found: dict[tuple[tuple[str, ...], str], Refusal] = {}
    passed = set()  # settings of several kinds, or too short: mistakes below them tell more
    for one in error.errors():
        key, through = _key(one, data)
        passed |= through | ({key} if one["type"] == "too_short" else set())
        own = (
            "" if through or one["type"] in get_args(ErrorType) else one["msg"]
        )  # of a validator's own: apart
        before = found.get((key, own), Refusal(key, one["input"]))
        found[key, own] = _joined(before, one)
    deeper = {key[:i] for key, _ in found for i in range(len(key))}
    return [refusal for (key, _), refusal in found.items() if not (key in passed and key in deeper)]


def told(found: list[Refusal], place: str) -> Iterator[str]:
    """A line for each of the first."""
    yield from (f"{place}: {one}" for one in found[:MOST])
    if more := found[MOST:]:
        yield f"{place}: {count(len(more), 'more setting is', 'more settings are')} wrong; mend these first"


def refused(kind: str, problems: Iterable[tuple[tuple[str, ...], Any, str]]) -> ValidationError:
    """To be raised by a validator: of each key below what it checks the value and what is wrong with it."""
    return ValidationError.from_exception_data(kind, [problem(kind, *one) for one in problems])


def problem(kind: str, key: tuple[str | int, ...], value: Any, text: str) -> InitErrorDetails:
    """One of them."""
    return InitErrorDetails(type=PydanticCustomError(kind, "{text}", {"text": text}), loc=key, input=value)


def with_meant(error: ValidationError, known: Iterable[str]) -> list[InitErrorDetails]:
    """What is wrong with the settings of a model whose keys are `known`; of a key that is none of them also which was
    probably meant."""
    return [_with_meant(one, known) for one in error.errors()]


def _with_meant(one: ErrorDetails, known: Iterable[str]) -> InitErrorDetails:
    key, value = one["loc"], one["input"]
    if one["type"] == "extra_forbidden" and len(key) == 1:
        return problem(
            "unknown", key, value, f"{UNKNOWN}{meant(str(key[0]), known) or '; check its spelling'}"
        )
    if one["type"] not in get_args(ErrorType):  # of a validator's own
        return problem(one["type"], key, value, one["msg"])
    return InitErrorDetails(type=one["type"], loc=key, input=value, ctx=one.get("ctx", {}))


def as_list(how: str) -> BeforeValidator:
    """Of a list of so many items: says how it is written where something else stands in its place."""

    def check(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise refused("list", [((), value, f"is {shown(value)}, expected {how}")])
        return value

    return BeforeValidator(check)


def shown(value: Any, longest: int = LONGEST) -> str:
    """A value in a line, as YAML has it, cut where it is long."""
    text = repr(value) if isinstance(value, str) else _as_yaml(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def spelled(value: Any, expected: tuple[str, ...]) -> str:
    """How a value is written where what is expected, and not the value, is the mistake."""
    text = value if isinstance(value, str) else shown(value)
    if not isinstance(value, str | int | float | date) or not 0 < len(text) <= LONGEST:
        return ""
    return f"; write '{text}'" if TEXT in expected else f"; write [{text}]" if LIST in expected else ""


def _as_yaml(value: Any) -> str:
    try:
        written = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    except yaml.YAMLError:
        return str(value)
    return written.removesuffix("\n").removesuffix("\n...")


def _key(one: ErrorDetails, data: Any) -> tuple[tuple[str, ...], set[tuple[str, ...]]]:
    """The key of an error, as it stands in the data, and the keys on its way that may be of several kinds: of these
    pydantic names the kind too."""
    key: list[str] = []
    several = set()
    for i, part in enumerate(one["loc"]):
        last = i == len(one["loc"]) - 1
        inside = isinstance(data, dict) and part in data
        if inside or (isinstance(data, list | tuple) and isinstance(part, int) and part < len(data)):
            data = data[part]
        elif part == "[key]" or not (last and one["type"] in ("missing", "invalid_key")):
            several |= {tuple(key)} if part != "[key]" else set()
            continue
        key.append(str(part))
    return tuple(key), several


def _joined(before: Refusal, one: ErrorDetails) -> Refusal:
    kind, ctx = one["type"], one.get("ctx", {})
    if kind == "missing":
        return before._replace(wrong=MISSING)
    if kind == "invalid_key":
        return before._replace(wrong=f"is no text; write '{before.key[-1]}'")
    if kind == "union_tag_not_found":
        return before._replace(wrong=f"is {shown(before.value)}, expected a mapping with a {_bare(ctx)}")
    if kind == "union_tag_invalid":
        return before._replace(wrong=f"{_bare(ctx)} is {ctx['tag']!r}, expected {ctx['expected_tags']}")
    if kind not in EXPECTED:
        return before._replace(wrong=before.wrong or one["msg"].removeprefix("Value error, "))
    limit = ctx.get("min_length", ctx.get("max_length", 0))
    ctx = {name: int(n) if isinstance(n, float) and n.is_integer() else n for name, n in ctx.items()}
    expected = EXPECTED[kind].format(**ctx, items=count(limit, "item"), signs=count(limit, "sign"))
    return before._replace(expected=tuple(dict.fromkeys((*before.expected, expected))))


def _bare(ctx: dict[str, Any]) -> str:
    return str(ctx["discriminator"]).strip("'")
