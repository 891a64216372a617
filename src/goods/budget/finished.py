"""What of a run is there as it would be made now."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property

from goods.budget.plan import TUNED
from goods.budget.trials import fewer, with_trials
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.done import done_key
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.stack.stage import stack_key
from goods.train.keys import is_trained
from goods.tune.keys import study_key


@dataclass
class Finished:
    """`preset`: names of the experiments that are joined where nothing is left out; `load` and `join` as of a Course;
    with `force` nothing counts as finished."""

    ws: Workspace
    competition: CompetitionConfig
    preset: tuple[str, ...]
    load: Callable[[str], ExperimentConfig]
    join: Callable[[tuple[str, ...]], ExperimentConfig]
    force: bool
    joined: dict[tuple[str, ...], bool] = field(default_factory=dict)  # answers of is_joined

    @cached_property
    def studied(self) -> dict[str, int]:
        """Trials of each study that is finished, with as many as its config says or as a time limit had left it."""
        found: dict[str, int] = {}
        for name in self.preset:
            config, base = self.load(name), name.removesuffix(TUNED)
            if not name.endswith(TUNED) or (key := done_key(self.ws.tuning(base))) is None:
                continue
            try:
                for n in fewer(config):
                    if study_key(self.ws, self.competition, with_trials(config, n)) == key:
                        found[base] = n
            except GoodsError:  # what it builds on is damaged, and is trained again first
                continue
        return found

    def trials_of(self, name: str) -> int:
        """As many as its config says, or as a finished study has, which is not begun again with another number."""
        base = name.removesuffix(TUNED)
        return self.studied.get(base, max(fewer(self.load(name))))

    def is_whole(self, name: str) -> bool:
        """Whether all of an experiment is there as it would be trained now."""
        if self.force:
            return False
        try:
            config = self.load(name)
            if name.endswith(TUNED):
                best = self.ws.tuning(config.name) / "best.yaml"
                if config.name not in self.studied or not best.is_file():
                    return False
                config = load_experiment(best)
            return self.is_trained(config)
        except GoodsError:  # as above
            return False

    def is_trained(self, config: ExperimentConfig) -> bool:
        """Whether all folds of a config are there, and their predictions are joined."""
        return done_key(self.ws.run(config.name).path) is not None and self.has_folds(config)

    def has_folds(self, config: ExperimentConfig) -> bool:
        return all(is_trained(self.ws, config, k) for k in range(self.competition.n_folds))

    def is_joined(self, experiments: tuple[str, ...], done: Collection[str]) -> bool:
        """Whether the last experiment over these is finished, of which those `done` are there."""
        if self.force or not set(experiments) <= set(done):
            return False
        asked = (*experiments, "", *done)
        if asked not in self.joined:
            try:
                self.joined[asked] = self._is_joined(experiments)
            except GoodsError:  # what it joins is damaged, and is trained again first
                self.joined[asked] = False
        return self.joined[asked]

    def _is_joined(self, experiments: tuple[str, ...]) -> bool:
        config = self.join(experiments)
        if not config.model.second_level:
            return self.has_folds(config)
        key = done_key(self.ws.run(config.name).path)
        return key is not None and key == stack_key(self.ws, self.competition, config)
