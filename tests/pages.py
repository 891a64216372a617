"""What the pages hold: commands, code, links, headings. Collected here alone; tests ask for nothing else of a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conftest import ROOT

READMES = [ROOT / "README.md", ROOT / "README.ru.md"]
PAGES = [*READMES, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = (
    ".venv/bin/python",
    *(".venv/bin/goods", ".venv/bin/jupyter", ".venv/bin/ray"),
    *("python", "pytest", "bash", "goods", "pip", "uv", "docker", "kaggle"),
    *("source", "ls", "head", "awk", "mkdir", "printf", "cp"),
)
SHELL = ("", "sh")  # languages of blocks that hold commands, "" of those that are only indented
INLINE = re.compile(r"`([^`\n]+)`")
SCRIPT = re.compile(r"(?:(scripts|benchmarks)/)?(\w+\.(?:py|sh))\b")
OPTIONAL = re.compile(r"(?<!=)\[(?=[-A-Z])|…")  # [--option], [NAME]: a form, which is nobody's command


@dataclass(frozen=True)
class Command:
    """A line of a page that is given to a shell; `line` counts from 1."""

    page: str
    line: int
    text: str
    inline: bool = False  # between backticks in a sentence or a table

    @property
    def is_form(self) -> bool:
        return bool(OPTIONAL.search(self.text))


@dataclass(frozen=True)
class Block:
    """Lines of code of a page, each with its number; `heading` is the last one above them."""

    page: str
    language: str
    heading: str
    lines: tuple[tuple[int, str], ...]

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for _, line in self.lines)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def blocks(page: Path) -> list[Block]:
    """Code of a page in its order: fenced, or indented by four and more after an empty line."""
    found, heading, language, lines = [], "", None, []
    text = page.read_text(encoding="utf-8").splitlines()

    def end() -> None:
        if lines:
            found.append(Block(name_of(page), language or "", heading, tuple(lines)))
            lines.clear()

    for number, line in enumerate([*text, ""], 1):
        if fence := re.match(r" *```(\w*)", line):
            end()
            language = fence[1] if language is None else None
        elif language is not None:
            lines.append((number, line))
        elif line.startswith("    ") and (lines or not text[number - 2].strip()):
            lines.append((number, line.strip()))
        else:
            end()
            heading = line if line.startswith("#") else heading
    return found


def joined(block: Block) -> list[tuple[int, str]]:
    """Lines of a block, those that end in a backslash with what follows them, without comments."""
    found: list[tuple[int, str]] = []
    goes_on = False
    for number, line in block.lines:
        text = re.split(r"(?:^|\s+)#\s", line, maxsplit=1)[0].strip()
        if goes_on:
            number, before = found.pop()
            text = f"{before[:-1].strip()} {text}"
        goes_on = text.endswith("\\")
        if text:
            found.append((number, text))
    return found


def is_command(line: str) -> bool:
    words = re.sub(r"^(?:[A-Z_]+=\S* +)+", "", line).split()  # what it sets for itself
    return bool(words) and words[0] in PROGRAMS


@cache
def commands(page: Path) -> list[Command]:
    """What a reader may copy, in the order of the page: commands in blocks, and in sentences those that are whole, with
    their program and more than one argument."""
    shell = [block for block in blocks(page) if block.language in SHELL]
    lines = [line for block in shell for line in joined(block)]
    found = [Command(name_of(page), number, text) for number, text in lines if is_command(text)]
    found += [c for c in inline_commands(page) if is_command(c.text) and len(c.text.split()) > 2]
    return sorted(found, key=lambda command: command.line)


def shown(page: Path) -> list[str]:
    """The other lines of those blocks: output, pictures, the rest of a form."""
    shell = [block for block in blocks(page) if block.language in SHELL]
    return [text for block in shell for _, text in joined(block) if not is_command(text)]


def inline_commands(page: Path) -> list[Command]:
    """Scripts with their arguments, and programs, that a sentence or a table names between backticks."""
    found = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        for text in INLINE.findall(line):
            named = SCRIPT.match(text) if " " in text else None
            if " " in text and (named or is_command(text)):
                found.append(Command(name_of(page), number, text, inline=True))
    return found


def links(page: Path) -> list[str]:
    """Targets of a page's links, as they are written."""
    return re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What a link may name after #: GitHub's names of the page's headings."""
    found: dict[str, int] = {}
    code = {number for block in blocks(page) for number, _ in block.lines}
    names = set()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if number not in code and (heading := re.match(r"#{1,6} +(.*)", line)):
            said = re.sub(r"\]\([^)]*\)|[^\w\- ]", "", heading[1].strip().lower()).replace(" ", "-")
            names.add(said if said not in found else f"{said}-{found[said]}")
            found[said] = found.get(said, 0) + 1
    return names
