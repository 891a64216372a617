"""Every method of a stack, fitted on the cards outside one fold."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from goods.core.artifacts import read_json, write_json
from goods.core.execution import cores, free_memory
from goods.core.log import say
from goods.core.processes import end_idle
from goods.models.boosters import save_booster
from goods.stack.boosting import boost, drawn_entries, fit_booster, fit_multiclass, inner_cards, multiclass
from goods.stack.candidates import FLOOR, Candidates, choose_depth
from goods.stack.config import StackConfig
from goods.stack.features import CandidateFeatures
from goods.stack.level import Level
from goods.stack.pooling import Pool, fit_best_single, fit_greedy, fit_linear_pool, fit_log_pool, spreads_of

if TYPE_CHECKING:
    from catboost import CatBoost

BLEND = "blend"  # the pool boosting starts from

FOLD_MEMORY = 3  # times what a level holds: what is taken at most while a fold is fitted
# bytes that a fold may take and not count: of such ones more than there are cores are fitted at once
LITTLE = 2**28

CATBOOST, MULTICLASS = "catboost", "multiclass"


@dataclass(frozen=True)
class FoldStack:
    """What is fitted on the cards outside one fold. `calibration`: a log-linear pool per base model; `spreads`: float
    [M], `spreads_of` their log-probabilities. Without a `booster` there was nothing to learn, and CatBoost's answer is
    where it would start from."""

    depth: int
    calibration: list[Pool]
    pools: dict[str, Pool]
    spreads: np.ndarray
    booster: CatBoost | None = None
    multiclass: CatBoost | None = None

    def calibrated(self, table: Candidates) -> Candidates:
        return calibrate(table, self.calibration)

    def apply(
        self,
        maker: CandidateFeatures,
        model: StackConfig,
        table: Candidates,
        features: pd.DataFrame,
        methods: list[str],
    ) -> dict[str, np.ndarray]:
        """Method → float64 [m] probability of each entry; 0 for those beyond the depth."""
        kept = table.within(self.depth)
        taken = self.calibrated(table.take(kept))
        found = {name: self.pools[name](taken) for name in methods if name in self.pools}
        if CATBOOST in methods:
            blend = self.pools[BLEND](taken)
            seen = maker.with_blend(features[kept], taken, blend)
            found[CATBOOST] = boost(model, self.booster, seen, taken, blend) if self.booster else blend
        if MULTICLASS in methods:
            assert self.multiclass is not None
            found[MULTICLASS] = multiclass(self.multiclass, taken, maker.labels.n_classes)
        full = {}
        for name, proba in found.items():
            full[name] = np.zeros(len(table.card))
            full[name][kept] = proba
        return full

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, booster in (("model.cbm", self.booster), ("multiclass.cbm", self.multiclass)):
            if booster is not None:
                save_booster(booster, folder / name)
        pools = {name: pool.to_json() for name, pool in self.pools.items()}
        calibration = [pool.to_json() for pool in self.calibration]
        told = {
            "depth": self.depth,
            "calibration": calibration,
            "spreads": self.spreads.tolist(),
            "pools": pools,
        }
        write_json(folder / "methods.json", told)

    @staticmethod
    def load(folder: Path) -> FoldStack:
        data = read_json(folder / "methods.json")
        return FoldStack(
            data["depth"],
            [Pool.from_json(pool) for pool in data["calibration"]],
            {name: Pool.from_json(pool) for name, pool in data["pools"].items()},
            np.array(data["spreads"]),
            load_booster(folder / "model.cbm"),
            load_booster(folder / "multiclass.cbm"),
        )


def load_booster(path: Path) -> CatBoost | None:
    from catboost import CatBoost  # half a second to import: only who boosts pays

    return CatBoost().load_model(str(path)) if path.is_file() else None


def calibrate(table: Candidates, calibration: list[Pool]) -> Candidates:
    """The table with each model's probabilities calibrated by its own pool; as it is where there are none."""
    if not calibration:
        return table
    columns = [pool(table.model(j)).clip(FLOOR, 1) for j, pool in enumerate(calibration)]
    return replace(table, log_proba=np.log(np.stack(columns, axis=1)).astype(np.float32))


def methods_of(level: Level) -> list[str]:
    """The methods that are compared; multiclass boosting only where it fits."""
    methods: list[str] = list(level.model.methods)
    cells = len(level.train) * level.labels.n_classes
    if MULTICLASS in methods and cells > level.model.multiclass_cells:
        say(
            f"stack {level.config.name}: multiclass left out, {cells:,} cards × classes are more than "
            f"multiclass_cells={level.model.multiclass_cells:,}"
        )
        methods.remove(MULTICLASS)
    return methods


def fit_stacks(level: Level, methods: list[str]) -> Generator[FoldStack]:
    """`fit_stack` of every fold, in their order; some side by side in threads, as far as cores and memory go: a pool is
    fitted on one core, and CatBoost has as many threads as it would have alone. Of small ones none is left to the end
    by itself: five folds on two cores are three and two."""
    end_idle()  # a gigabyte each after networks
    each = FOLD_MEMORY * (int(level.features.memory_usage().sum()) + level.table.log_proba.nbytes)
    turns = max(1, level.n_folds // cores())
    most = -(-level.n_folds // turns) if each < LITTLE else min(cores(), level.n_folds)
    pool = ThreadPoolExecutor(max(1, min(most, free_memory() // 2 // max(1, each))))
    try:
        yield from pool.map(lambda k: fit_stack(level, k, methods), range(level.n_folds))
    finally:  # out of time: folds under way write nothing, so nobody waits for them
        pool.shutdown(wait=False, cancel_futures=True)


def fit_stack(level: Level, k: int, methods: list[str]) -> FoldStack:
    """Every method on the cards outside fold k (ALL: on all cards); depth and calibration too are theirs."""
    model, target, seed = level.model, level.target, level.config.seed
    outside = level.fold[level.table.card] != k
    whole = level.table.take(outside)
    depth = choose_depth(whole, target) if model.top_k == "auto" else model.top_k
    kept = whole.within(depth)
    table, rows = whole.take(kept), np.flatnonzero(outside)[kept]
    n_models, n_classes = table.log_proba.shape[1], level.labels.n_classes
    calibration = []
    if model.calibration != "none":
        biases = model.calibration == "vector"
        calibration = [fit_log_pool(table.model(j), target, n_classes, biases) for j in range(n_models)]
        table = calibrate(table, calibration)
    fits: dict[str, Callable[[], Pool]] = {
        "best_single": lambda: fit_best_single(table, target, level.score_classes),
        "uniform": lambda: Pool(False, np.full(n_models, 1 / n_models)),
        "weighted": lambda: fit_linear_pool(table, target),
        "greedy": lambda: fit_greedy(table, target, level.score_classes),
        BLEND: lambda: fit_log_pool(table, target, n_classes),
        "logistic": lambda: fit_log_pool(table, target, n_classes, biases=True, per_class=True),
    }
    wanted = {*methods, BLEND} if CATBOOST in methods else set(methods)
    pools = {name: fit() for name, fit in fits.items() if name in wanted}
    booster = many = None
    if CATBOOST in methods:
        booster = boosted(level, table, rows, pools[BLEND](table))
    if MULTICLASS in methods:
        many = fit_multiclass(model, seed, table, target, n_classes)
    return FoldStack(depth, calibration, pools, spreads_of(table), booster, many)


def boosted(level: Level, table: Candidates, rows: np.ndarray, blend: np.ndarray) -> CatBoost | None:
    """CatBoost on cards of `table`, whose entries are the `rows` int [m] of the level's table and have the probability
    `blend` float [m]. Features are gathered of those cards alone that are drawn for it."""
    model, seed, target = level.model, level.config.seed, level.target
    inner = inner_cards(target, np.unique(table.card), seed)
    drawn = drawn_entries(table, model.max_cards, seed)
    table, blend = table.take(drawn), blend[drawn]
    features = level.maker.with_blend(level.features.iloc[rows[drawn]], table, blend)
    return fit_booster(model, seed, features, table, blend, target, inner)
