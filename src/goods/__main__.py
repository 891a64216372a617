"""The command `goods`: each of scripts/ is a sub-command of it, and nothing is imported before it is known which."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from goods import __version__, cli
from goods.core.commands import COMMAND, OTHERWISE
from goods.core.completion import SHELLS, VARIABLE, beginning, script
from goods.core.path_parser import PathParser
from goods.core.pipes import ending_unread

SCRIPTS = Path(__file__).parent / "scripts"
FIRST = ("run", "status", "prepare", "make-folds", "train", "tune", "stack", "submit", "predict")
COMPLETION = "completion"


def commands() -> dict[str, Path]:
    """Sub-command → its script, in the order of their use."""
    found = {
        OTHERWISE.get(path.stem, path.stem.replace("_", "-")): path
        for path in sorted(SCRIPTS.glob("*.py"))
        if "cli.run(main)" in path.read_text(encoding="utf-8")
    }
    return {name: found[name] for name in (*FIRST, *(n for n in found if n not in FIRST)) if name in found}


def main() -> None:
    if (word := os.environ.get(VARIABLE)) is not None and word == "1":
        print("\n".join(beginning("".join(sys.argv[1:2]), (*commands(), COMPLETION))))
        return
    known = commands()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in known:
        sys.argv = [f"{COMMAND} {name}", *sys.argv[2:]]
        cli.run(main_of(known[name]))
        return
    with ending_unread():
        if name == COMPLETION:
            print_completion(sys.argv[2:])
        else:
            overview(known).parse_args()


def main_of(path: Path) -> Callable[[], None]:
    sys.path.insert(0, str(SCRIPTS))  # where scripts find what they begin with, as when run by their path
    found: Callable[[], None] = import_module(f"goods.scripts.{path.stem}").main
    return found


def overview(known: dict[str, Path]) -> argparse.ArgumentParser:
    """What is said where no sub-command is named."""
    lines = [f"  {name:<11} {first_line(path)}" for name, path in known.items()]
    lines.append(f"  {COMPLETION:<11} Lines for a shell's start-up file: source <(goods completion bash)")
    made = PathParser(
        prog=COMMAND,
        usage=f"{COMMAND} COMMAND [options]",
        description="Raw files of an e-commerce product contest in, a winning submission out.",
        epilog="commands (each has --help):\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"goods {__version__}")
    made.add_argument("command", choices=[*known, COMPLETION], metavar="COMMAND", help="one of those below")
    return made


def first_line(path: Path) -> str:
    """What a script's docstring begins with."""
    return path.read_text(encoding="utf-8").split("\n", 1)[0].strip('"')


def print_completion(arguments: list[str]) -> None:
    sys.argv = [f"{COMMAND} {COMPLETION}", *arguments]
    made = cli.Parser(prog=sys.argv[0], description="Print what makes a shell complete `goods`.")
    made.add_argument("shell", choices=list(SHELLS))
    print(script(made.parse_args().shell), end="")


if __name__ == "__main__":
    main()
