"""What a finished experiment says of batches of new cards: one after the other, or side by side on other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from goods.config.competition import CompetitionConfig
from goods.core.done import read_done
from goods.core.errors import GoodsError
from goods.core.execution import MEMORY, Remote, Resources, allowed, free_memory, remote, resources
from goods.core.kept import Kept
from goods.core.predictions import Predictions
from goods.core.trimming import trim_memory
from goods.core.workspace import Workspace
from goods.prepare.prepared import parts
from goods.submit.predictor import (
    Predictor,
    asked_first,
    done_folders,
    model_folders,
    saved_config,
    size_of,
)

LOADED = 3  # bytes of memory that a byte of a model's files takes
KEPT = 1 << 28  # bytes of what the models of all folds make of a batch alike

Answered = tuple[pd.DataFrame, list[Predictions]]  # a batch and what is said of it, of each target


@dataclass(frozen=True)
class Asked:
    """A finished experiment, and the folder of photos of the cards it is asked about."""

    ws: Workspace
    competition: CompetitionConfig
    experiment: str
    images: Path | None

    @property
    def spaces(self) -> list[tuple[Workspace, CompetitionConfig]]:
        """Of each target."""
        return parts(self.ws, self.competition)

    @property
    def memory(self) -> int:
        """Bytes that all its models take."""
        folders = [f for space, one in self.spaces for f in model_folders(space, one, self.experiment)]
        return sum(size_of(folder) for folder in folders) * LOADED

    @property
    def fits(self) -> bool:
        """Whether its models may stay in memory from batch to batch."""
        return self.memory < free_memory() / 2

    def made_of(self) -> list[tuple[Path, str | None]]:
        """Folders that answers come from, and the keys of what they were made of."""
        folders = [f for space, one in self.spaces for f in done_folders(space, one, self.experiment)]
        return [(f, done.key if (done := read_done(f)) else None) for f in [self.ws.whole.prepared, *folders]]

    def predictors(self, stay: bool) -> list[Predictor]:
        kept = Kept(KEPT)
        return [Predictor(s, one, self.experiment, self.images, kept, stay) for s, one in self.spaces]


@contextmanager
def of_one_training(asked: Asked) -> Iterator[Callable[[], None]]:
    """Within, models are loaded that are all to be of one training: what is given raises GoodsError where they, or what
    they build on, have been made anew since, and so does whatever else was met for that."""
    before = asked.made_of()

    def check() -> None:
        try:
            same = asked.made_of() == before
        except GoodsError:  # it is being made
            same = False
        if not same:
            raise GoodsError(
                f"experiment {asked.experiment}: it, or what it builds on, was made anew meanwhile; run the same "
                "command again"
            )

    try:
        yield check
    except Exception:
        check()
        raise


class Here:
    """By models of this process, which `stay` in memory or not."""

    def __init__(self, asked: Asked, stay: bool) -> None:
        self.loads_again = not stay
        self.predictors = asked.predictors(stay)
        self.steps = sum(one.steps for one in self.predictors)

    def answers(self, batches: Iterable[pd.DataFrame], step: Callable[[int], None]) -> Iterator[Answered]:
        """In order; `step` is called with the size of a batch at each of its `steps`."""
        for batch in batches:
            yield batch, said_of(batch, self.predictors, partial(step, len(batch)))


class Elsewhere:
    """By models that other machines hold: a batch has one to itself, as it has this one here."""

    steps, loads_again = 1, True

    def __init__(self, asked: Asked, stay: bool, machines: Remote) -> None:
        self.asked, self.stay, self.machines = asked, stay, machines
        self.given = resources(1, any(on_gpu(space, asked.experiment) for space, _ in asked.spaces))

    def answers(self, batches: Iterable[pd.DataFrame], step: Callable[[int], None]) -> Iterator[Answered]:
        memory = max(MEMORY, self.asked.memory if self.stay else 0)
        most = allowed(2 * self.machines.room(self.given, memory))  # so that none waits for the next
        sent: list[pd.DataFrame] = []

        def arguments() -> Iterator[tuple[Asked, bool, pd.DataFrame]]:
            for batch in batches:
                sent.append(batch)
                yield self.asked, self.stay, batch

        with closing(self.machines.results(answer, arguments(), self.given, most, memory)) as found:
            for answers in found:
                batch = sent.pop(0)
                step(len(batch))
                yield batch, answers


def answering(asked: Asked, stay: bool) -> Here | Elsewhere:
    machines = remote()
    return Here(asked, stay) if machines is None else Elsewhere(asked, stay, machines)


_held: list[tuple[Asked, list[Predictor]]] = []  # of the process: the last that was asked


def answer(asked: Asked, stay: bool, batch: pd.DataFrame, given: Resources) -> list[Predictions]:
    """A job that answers for one batch; its models are there for the next one."""
    if not _held or _held[0][0] != asked:
        _held[:] = [(asked, asked.predictors(stay))]
    return said_of(batch, _held[0][1], lambda: None)


def said_of(batch: pd.DataFrame, predictors: list[Predictor], step: Callable[[], None]) -> list[Predictions]:
    """Of each target; what the models have made of the batch is let go of, as no other batch asks for it."""
    said = [one.predict(batch, step) for one in predictors]
    for one in predictors:
        one.kept.clear()
    trim_memory()
    return said


def on_gpu(ws: Workspace, experiment: str) -> bool:
    """Whether any model of the experiment, or of those it builds on, computes on a GPU."""
    config = saved_config(ws, experiment)
    return config.model.on_gpu or any(on_gpu(ws, name) for name in asked_first(config))
