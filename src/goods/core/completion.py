"""What may stand next on a command line, for the TAB key: asked of the parser that will read the line."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

FUNCTION = """\
_goods() {{
    local IFS=$'\\n'
    COMPREPLY=($({variable}="$COMP_CWORD" goods "${{COMP_WORDS[@]:1}}" 2>/dev/null))
}}
complete -o default -F _goods goods
"""
SHELLS = {"bash": FUNCTION, "zsh": "autoload -U +X bashcompinit && bashcompinit\n" + FUNCTION}
VARIABLE = "GOODS_COMPLETE"  # number of the word that the cursor stands on


def script(shell: str) -> str:
    """Lines that a shell takes from then on to complete the words of `goods`."""
    return SHELLS[shell].format(variable=VARIABLE)


def beginning(word: str, known: Iterable[str]) -> list[str]:
    return sorted(one for one in known if one.startswith(word))


def candidates(
    parser: argparse.ArgumentParser, before: Sequence[str], word: str, values: dict[str, list[str]]
) -> list[str]:
    """What `word`, which may be empty, may become after the words `before`; `values` are those known of arguments by
    their names. Empty where a file may follow, which shells complete by themselves."""
    options = {name: action for action in parser._actions for name in action.option_strings}
    last = options.get(before[-1]) if before else None
    if last is not None and last.nargs != 0:  # the value of an option
        return beginning(word, _values(last, values))
    if word.startswith("-"):
        return beginning(word, (name for name in options if name.startswith("--")))
    positional = [action for action in parser._actions if not action.option_strings]
    at = _given(before, options)
    if at >= len(positional):
        at = len(positional) - 1 if positional and positional[-1].nargs in ("*", "+") else len(positional)
    return beginning(word, _values(positional[at], values)) if at < len(positional) else []


def _given(before: Sequence[str], options: dict[str, argparse.Action]) -> int:
    """How many of the words are neither options nor their values."""
    given, value = 0, False
    for one in before:
        if value:
            value = False
        elif one.startswith("-"):
            action = options.get(one)
            value = action is not None and action.nargs != 0
        else:
            given += 1
    return given


def _values(action: argparse.Action, values: dict[str, list[str]]) -> list[str]:
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    return values.get(action.dest, [])
