"""Command lines: what a user gives, and what messages name, spelled as the user calls it, with those of the options
given that it takes too."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

COMMAND = "goods"
# script → its name among the commands, where that is another
OTHERWISE = {"run_all": "run", "make_demo": "demo", "curves": "tensorboard"}
SCRIPT = re.compile(r"(?:bash |\S*bin/python )?scripts/(\w+)\.(?:py|sh)")
LINE = re.compile(rf" *{SCRIPT.pattern}.*")  # one that is a command and nothing else
PIP = re.compile(r"(?<!-m )\bpip install\b")
TRAINING = frozenset({"run_all", "status", "probe", "train", "tune", "stack", "pretrain"})
# option → the scripts to which it says the same; all take --work
TAKEN_BY = {
    "--out": frozenset({"run_all", "probe", "train", "tune", "stack", "submit", "report"}),
    "--data": frozenset({"run_all", "prepare"}),
    "--preset": frozenset({"run_all", "status"}),
    "--offline": TRAINING,
    "--text-weights": TRAINING,
    "--image-weights": TRAINING,
}
FLAGS = frozenset({"--offline"})  # options without a value
NEGATIVE = re.compile(r"-[\d.]+[A-Za-z]+")

_given: dict[str, str] = {}  # option → as it is typed, its value included


def as_command() -> bool:
    """Whether this is `goods STAGE` and not a script."""
    return sys.argv[0].startswith(f"{COMMAND} ")


def spelled(text: str) -> str:
    """What is said of scripts, as sub-commands where they were called as such."""
    if not as_command():
        return text

    def command(found: re.Match[str]) -> str:
        return f"{COMMAND} {OTHERWISE.get(found[1], found[1].replace('_', '-'))}"

    return SCRIPT.sub(command, text)


def to_type(text: str) -> str:
    """As `spelled`, each command with the options given: at the end of a line that is nothing else, else before its
    arguments; pip as that of this Python, which a plain one need not be."""

    def with_options(found: re.Match[str]) -> str:
        return found[0] + options_for(found[1])

    lines = [(LINE if LINE.match(line) else SCRIPT).sub(with_options, line) for line in text.split("\n")]
    return PIP.sub(lambda found: f"{quote(sys.executable)} -m {found[0]}", spelled("\n".join(lines)))


def options_for(script: str) -> str:
    return "".join(
        f" {typed}" for name, typed in _given.items() if script in TAKEN_BY.get(name, frozenset({script}))
    )


@contextmanager
def with_given(arguments: Sequence[str]) -> Iterator[None]:
    """Within, messages tell the options of this command line, whose first word names the script."""
    global _given
    before, _given = _given, given_in(arguments)
    try:
        yield
    finally:
        _given = before


def given_in(arguments: Sequence[str]) -> dict[str, str]:
    """The options of a command line that others take too."""
    known = {name.replace("_", "-"): script for script, name in OTHERWISE.items()}
    called = arguments[0].removeprefix(f"{COMMAND} ")
    script = known.get(called, Path(called).stem.replace("-", "_"))
    found, words = {}, iter(arguments[1:])
    for word in words:
        name, equals, value = word.partition("=")
        if name != "--work" and script not in TAKEN_BY.get(name, ()):
            continue
        if name in FLAGS:
            found[name] = name
        elif (value := value if equals else next(words, "")) != "":
            found[name] = f"{name} {quote(value)}"
    return found


def amounts_joined(words: list[str]) -> list[str]:
    """A command line where an amount below zero, such as -5s, is no option but what the one before it is given."""
    joined: list[str] = []
    for word in words:
        if joined and NEGATIVE.fullmatch(word) and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined
