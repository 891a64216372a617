"""Every command of the pages runs, in the order of its page, in a clean copy of the project with tiny data.

What a reader fills in, what is cut, and what is not run and why: tests/page_bindings.py. README.ru.md has the commands
of README.md (tests/test_docs.py). `pytest -m exhaustive -s -k PAGE` says what each command takes of the processor.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from page_bindings import GIVEN, bound, reason_not_to_run
from page_house import Ran, build, run
from pages import PAGES, READMES, commands, name_of

FINISHED = "bash scripts/run_all.sh kazanexpress2023 --data raw/kazanexpress2023 --offline"
RUN = [page for page in PAGES if page != READMES[1] and commands(page)]
FIRST_HOUR = ROOT / "docs" / "first-hour.md"


def passes(house: Path, command: str, where: str) -> Ran:
    ran = run(house, command)
    print(f"{ran.seconds:7.1f} s {where}: {command}", flush=True)
    assert ran.code == 0, f"{where}: {command}\n{ran.out[-1000:]}\n{ran.err[-3000:]}"
    return ran


def follow(house: Path, page: Path) -> dict[str, Ran]:
    """What each command of a page printed, by its text."""
    return {
        command.text: passes(house, bound(command.text), f"{command.page}:{command.line}")
        for command in commands(page)
        if not reason_not_to_run(command)
    }


@pytest.fixture
def house(tmp_path) -> Path:
    return build(tmp_path / "goods")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A copy in which a contest has run."""
    folder = build(tmp_path_factory.mktemp("finished") / "goods")
    passes(folder, FINISHED, "what pages are given")
    return folder


@pytest.mark.exhaustive
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("page", [page for page in RUN if page != FIRST_HOUR], ids=name_of)
def test_the_commands_of_a_page_run_in_its_order(page, house, request):
    if name_of(page) in GIVEN:
        started = request.getfixturevalue("finished")
        for name, to in (("work", "work"), ("work", "w"), ("submissions", "submissions")):
            shutil.copytree(started / name, house / to, dirs_exist_ok=True)
        for command in GIVEN[name_of(page)]:
            passes(house, command, f"before {name_of(page)}")
    follow(house, page)


@pytest.mark.exhaustive
@pytest.mark.timeout(7200)
def test_the_first_hour_ends_with_a_submission_and_a_model_of_one_s_own(house):
    said = follow(house, FIRST_HOUR)
    assert (house / "submissions/demo/report.html").stat().st_size > 10_000
    suspects = said["head -4 submissions/demo/suspected_labels.csv"].out.splitlines()
    assert len(suspects) == 4 and suspects[0].startswith("product_id,")
    assert (house / "work/demo/runs/stack-bayes/report.json").is_file()
    assert (house / "submissions/myshop/result.parquet").is_file()
    assert "0.8902" in (house / "submissions/leaderboard.csv").read_text(encoding="utf-8")
