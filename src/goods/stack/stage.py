"""CatBoost on candidates against pools of the base models; the best on honest folds goes on.

reads:  runs/<base experiment>/ oof.npz test.npz, prepared/, folds.parquet
writes: runs/<stack>/ config.yaml report.json oof.npz test.npz DONE,
        fold_<k>/ methods.json model.cbm multiclass.cbm

Each fold's methods are fitted on the other folds' cards, whose features come from base models that did not see
them. The method of a fold is the one that scores best on the others, so the reported score is that of the whole
procedure, choice included; the test cards get the method that scores best on all honest folds.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import dump
from goods.core.artifacts import read_json, write_json, write_text
from goods.core.code import code_hash, module_hashes
from goods.core.done import begin, is_done, mark_done
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash, file_hash
from goods.core.inputs import note_inputs
from goods.core.locks import one_at_a_time
from goods.core.log import say
from goods.core.predictions import Predictions
from goods.core.progress import track
from goods.core.taken import measured
from goods.core.workspace import ALL, Run, Workspace
from goods.prepare.prepared import prepared_key
from goods.stack.candidates import Candidates
from goods.stack.choose import best_method, picked
from goods.stack.decoding import decoder_of
from goods.stack.diagnostics import diagnostics
from goods.stack.finished import predicted
from goods.stack.fit import CATBOOST, FoldStack, fit_stack, fit_stacks, methods_of
from goods.stack.level import Level, base_runs, make_level
from goods.stack.ranked import to_predictions
from goods.stack.settle import Settled, finished, settle
from goods.train.gather import apart_from_folds, hidden_share, oof_report, seen_without


def stack_key(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> str:
    """What a stack depends on: its config, the metric, its code, cards, folds and its base experiments' predictions."""
    return content_hash(
        competition.metric,
        config.described(frozenset({"tune"})),
        code_hash(__name__),
        prepared_key(ws),
        file_hash(ws.folds),
        list(built_on(ws, config).values()),
    )


def stack_inputs(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> dict[str, Any]:
    """What `stack_key` is made of, part by part."""
    return {
        "metric": competition.metric,
        "settings": config.described(frozenset({"tune"})),
        "code": module_hashes(__name__),
        "prepared": prepared_key(ws),
        "folds": file_hash(ws.folds),
        "built on": built_on(ws, config),
    }


def built_on(ws: Workspace, config: ExperimentConfig) -> dict[str, list[Any]]:
    """Of each base experiment what it says, and the folds that it was tuned on."""
    return {
        r.path.name: [file_hash(r.oof), file_hash(r.test), read_json(r.report)["tuned_on"]]
        for r in base_runs(ws, config)
    }


def stack(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, force: bool = False
) -> bool:
    """Fit, choose and predict, unless that is done; whether it was not."""
    key, run = stack_key(ws, competition, config), ws.run(config.name)
    with one_at_a_time(run.path):
        if not force and is_done(run.path, key):
            say(f"stack {config.name}: unchanged, {describe(read_json(run.report))}")
            return False
        begin(run.path, key)
        if config.model.id_order:  # type: ignore[attr-defined]
            say(
                f"stack {config.name}: id_order reads off how the table was made, which new products will not have"
            )
        with measured() as taken:
            report = fit_and_choose(ws, competition, config, run)
        write_json(run.report, report | {"memory_mb": [taken.memory_mb]})
        if stack_key(ws, competition, config) != key:
            raise GoodsError(
                f"{run.path}: prepared/, folds.parquet or base experiments were changed meanwhile; run again"
            )
        note_inputs(run.path, stack_inputs(ws, competition, config))
        mark_done(run.path, key)
    say(f"stack {config.name}: {describe(report)}")
    return True


def fit_and_choose(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, run: Run
) -> dict[str, Any]:
    """All that a stack's folder holds but its report, which is returned, and its DONE."""
    started = time.perf_counter()
    level = make_level(ws, competition, config)
    folds, oof, calibrated = out_of_fold(level, run)
    if config.refit:
        folds.append(fit_stack(level, ALL, methods_of(level)))
        folds[-1].save(run.fold(ALL))
    decoder = decoder_of(level.metric) if level.model.decoding == "auto" else level.model.decoding
    settled = {name: settle(level, raw, decoder) for name, raw in oof.items()}
    winner = best_method(level, settled, without=None)
    by_fold = [best_method(level, settled, without=k) for k in range(level.n_folds)]
    final = picked(level, settled, by_fold)
    final.save(run.oof)
    on_test(ws, level, judges(folds, config), winner, settled[winner]).save(run.test)
    report = {
        **oof_report(ws, competition, final, level.train, level.tuned_on),
        "winner": winner,
        "winner_by_fold": by_fold,
        "temperature": settled[winner].temperature,
        "decoding": settled[winner].decoding,
        **hidden_share(level.photos_hidden),
        **compared(ws, competition, level, settled),
        **diagnostics(level, folds, final, oof[winner], settled[winner], calibrated),
        "fit_seconds": [round(time.perf_counter() - started, 2)],
    }
    write_text(run.config, dump(config))
    return report


def out_of_fold(level: Level, run: Run) -> tuple[list[FoldStack], dict[str, Predictions], Candidates]:
    """The fold stacks, each method's out-of-fold predictions and the table with calibrated base models."""
    methods = methods_of(level)
    table, folds = level.table, []
    oof = {name: np.zeros(len(table.card)) for name in methods}
    calibrated = table.log_proba.copy()
    with closing(fit_stacks(level, methods)) as fitted:
        for k, fold in enumerate(track(fitted, f"stack {level.config.name}", level.n_folds, unit="folds")):
            folds.append(fold)
            fold.save(run.fold(k))
            rows = np.flatnonzero(level.fold[table.card] == k)
            part = table.take(rows)
            found = fold.apply(level.maker, level.model, part, level.features.iloc[rows], methods)
            for name in methods:
                oof[name][rows] = found[name]
            calibrated[rows] = fold.calibrated(part).log_proba
    predictions = {name: to_predictions(table, p, level.train, level.labels) for name, p in oof.items()}
    return folds, predictions, replace(table, log_proba=calibrated)


def catboost_score(level: Level, k: int) -> float:
    """Score of CatBoost on fold k, fitted on the others: what a study of the stack maximises."""
    rows = np.flatnonzero(level.fold[level.table.card] == k)
    table, fitted = level.table.take(rows), fit_stack(level, k, [CATBOOST])
    proba = fitted.apply(level.maker, level.model, table, level.features.iloc[rows], [CATBOOST])[CATBOOST]
    cards = level.fold == k
    predictions = to_predictions(table, proba, level.train, level.labels)
    return level.score(level.target[cards], predictions.take(cards))


def on_test(
    ws: Workspace, level: Level, folds: list[FoldStack], method: str, settled: Settled
) -> Predictions:
    """The test cards' predictions by one method, with the temperature and decoding settled for new cards."""
    base = [Predictions.load(run.test) for run in base_runs(ws, level.config)]
    raw = predicted(level.maker, level.model, folds, method, select(load_cards(ws), "test"), base)
    return finished(raw, level.labels, settled.temperature, settled.decoding)


def compared(
    ws: Workspace, competition: CompetitionConfig, level: Level, settled: dict[str, Settled]
) -> dict[str, Any]:
    """Out-of-fold report of each method, score of each base experiment."""

    def report(predictions: Predictions) -> dict[str, Any]:
        return oof_report(ws, competition, predictions, level.train, level.tuned_on)

    return {
        "methods": {name: report(s.predictions) for name, s in settled.items()},
        "base": {
            run.path.name: report(Predictions.load(run.oof))["score"] for run in base_runs(ws, level.config)
        },
    }


def judges(folds: list[FoldStack], config: ExperimentConfig) -> list[FoldStack]:
    """Those of the fold stacks that new cards are asked of: with `refit` the last, fitted on all folds."""
    return folds[-1:] if config.refit else folds


def describe(report: dict[str, Any]) -> str:
    methods = ", ".join(f"{m} {r['score']:.4f} ± {r['sd']:.4f}" for m, r in report["methods"].items())
    more = seen_without(report) + apart_from_folds(report, "; its score lies ")
    if report["score"] != report["methods"][report["winner"]]["score"]:
        more = f", with the method of each fold that is best on the others {report['score']:.4f}{more}"
    return f"{report['metric']} {methods}; {report['winner']} goes on{more}"
