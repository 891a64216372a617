"""What is there of a run as it would be made now: experiments, studies, the last experiment over some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.done import done_key
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.stack.stage import stack_key
from goods.train.best import TUNED, best_path, load_best
from goods.train.keys import is_trained
from goods.tune.budget import fewer, with_trials
from goods.tune.keys import study_key


@dataclass
class Ready:
    """`load` and `join` as a course has them; with `force` nothing counts as there."""

    ws: Workspace
    competition: CompetitionConfig
    load: Callable[[str], ExperimentConfig]
    join: Callable[[tuple[str, ...]], ExperimentConfig]
    force: bool = False
    studies: dict[str, int | None] = field(default_factory=dict)  # answers of trials_of_study
    joined: dict[tuple[str, ...], bool] = field(default_factory=dict)  # answers of is_joined

    def trials_of_study(self, name: str) -> int | None:
        """Trials of the finished study before an experiment, as many as its config says or as a time limit had left it;
        None where it is not finished."""
        if name not in self.studies:
            self.studies[name] = self.trials_now(self.load(name))
        return self.studies[name]

    def look_again(self, name: str) -> None:
        """The study before an experiment may be finished by now."""
        self.studies.pop(name, None)

    def trials_now(self, config: ExperimentConfig) -> int | None:
        key = done_key(self.ws.tuning(config.name))
        if key is None:
            return None
        try:
            keys = {n: study_key(self.ws, self.competition, with_trials(config, n)) for n in fewer(config)}
        except GoodsError:  # what it builds on is damaged, and is trained again first
            return None
        return next((n for n in keys if keys[n] == key), None)

    def has(self, name: str) -> bool:
        """Whether all of an experiment is there as it would be trained now."""
        if self.force:
            return False
        try:
            config = self.load(name)
            if name.endswith(TUNED):
                if self.trials_of_study(name) is None or not best_path(self.ws, config.name).is_file():
                    return False
                config = load_best(self.ws, config.name)
            return self.is_trained(config)
        except GoodsError:  # as in `trials_now`
            return False

    def is_trained(self, config: ExperimentConfig) -> bool:
        """Whether all folds of a config are there, and their predictions are joined."""
        return done_key(self.ws.run(config.name).path) is not None and self.has_folds(config)

    def has_folds(self, config: ExperimentConfig) -> bool:
        return all(is_trained(self.ws, config, k) for k in range(self.competition.n_folds))

    def is_joined(self, experiments: tuple[str, ...], done: Sequence[str]) -> bool:
        """Whether the last experiment over these, of all that are `done`, is finished."""
        if self.force or not set(experiments) <= set(done):
            return False
        asked = (*experiments, "", *done)
        if asked not in self.joined:
            try:
                self.joined[asked] = self.is_joined_now(experiments)
            except GoodsError:  # what it joins is damaged, and is trained again first
                self.joined[asked] = False
        return self.joined[asked]

    def is_joined_now(self, experiments: tuple[str, ...]) -> bool:
        config = self.join(experiments)
        if not config.model.second_level:
            return self.has_folds(config)
        key = done_key(self.ws.run(config.name).path)
        return key is not None and key == stack_key(self.ws, self.competition, config)
