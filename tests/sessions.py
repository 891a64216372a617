"""How tests are run: their order, garbage, temporary files and the disk, jobs one at a time, pages without pictures."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from functools import lru_cache
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest
import threadpoolctl
from hypothesis import HealthCheck, settings
from runs import drawn

from goods.core.scratch import own_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# the clock counts what other jobs take: an example may last as long as it does
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# files that take longest, in the order of their seconds: begun last, one would be left when other workers have nothing
LONGEST = [
    *("crashes", "notebook", "devices", "extensions", "execution", "pipeline", "determinism", "stopping"),
    *("refit", "own_fold_labels", "container", "budget", "artifact_corpus", "new_competition", "probing"),
    *("upstream", "contrastive", "light", "wildberries", "leaks", "backbones", "neural", "rare_classes"),
]

# looking for garbage among all that is imported, again and again, takes a twentieth of all time
gc.set_threshold(20_000, 20, 20)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # libraries count what is left in the end


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is exhaustive is run where -m names it, and not by the way where it says `not slow`; the longest first."""
    begun = {f"test_{name}.py": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: begun.get(item.path.name, len(begun)))
    if "exhaustive" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive") is not None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True, scope="session")
def temporary_files(tmp_path_factory):
    """Temporary files of a session do not stay, of one that is killed until the next."""
    tmp_path_factory.getbasetemp()  # pytest's own stay where they are
    get_temp_dir()  # multiprocessing removes its own, after this folder is gone
    with (
        own_folder(Path(tempfile.gettempdir()), "goods-tests-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(tempfile, "tempdir", str(folder))
        yield


@pytest.fixture(autouse=True, scope="session")
def one_job_at_a_time():
    """Starting worker processes takes longer than fitting a tiny shop, and so does drawing projections of titles."""
    from goods.matching.neighbours import projections

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("goods.core.execution.cores", lambda: 1)
        patch.setattr("goods.budget.pace.FRESH", 1e9)  # of which one measurement takes half a second
        # of two sizes, which take turns
        patch.setattr("goods.matching.neighbours.projections", lru_cache(2)(projections))
        yield


@pytest.fixture(autouse=True, scope="session")
def libraries_are_looked_for_once():
    """Limits of threads ask each time which libraries this process has, which only an import can change."""
    known = lru_cache(1)(lambda modules, make=threadpoolctl.ThreadpoolController: make())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("threadpoolctl.ThreadpoolController", lambda: known(len(sys.modules)))
        yield


@pytest.fixture(autouse=True, scope="session")
def no_waits_for_the_disk():
    """No test of this process outlives a power cut, and what is tiny is forced to the disk longer than it is made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        patch.setattr("os.sync", lambda: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_pictures():
    """Pages have empty pictures where `pictures` is not asked for: drawing takes as long as all else of a tiny run."""
    from matplotlib.figure import Figure

    write = drawn()

    def save(self: Figure, file: IO, **given: object) -> None:
        if given.get("format") == "svg":
            file.write("<svg></svg>")
        else:
            write(self, file, **given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", save)
        yield


@pytest.fixture
def pictures(monkeypatch) -> None:
    """Pages have their pictures."""
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", drawn())
