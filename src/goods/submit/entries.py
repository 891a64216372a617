"""Rows of the ledger, made of what finished runs report.

reads: runs/<experiment>/ report.json config.yaml DONE, of what it is made of too
"""

from __future__ import annotations

import resource
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from goods.config.base import PresetConfig
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.config.presets import PRESETS
from goods.core.artifacts import read_json
from goods.core.done import done_key, is_begun, read_done
from goods.core.hashing import content_hash
from goods.core.log import say
from goods.core.runs import check_run
from goods.core.taken import highest_mb, taken_in
from goods.core.wording import size
from goods.core.workspace import Workspace
from goods.prepare.prepared import parts
from goods.submit.ledger import EXPERIMENT, LEDGER, append_leaderboard, git_sha
from goods.train.commands import how_to_have

PRESET_OF = {Path(file).stem: preset for preset, file in PRESETS.items()}


def finished_report(ws: Workspace, experiment: str) -> dict[str, Any]:
    return read_json(check_run(ws, experiment, "not finished", how_to_have(ws, experiment)).report)


def overall(ws: Workspace, competition: CompetitionConfig, experiment: str) -> tuple[str, float, float]:
    """(metric, score, sd over folds) of a finished experiment, the mean over targets where there are several."""
    reports = [finished_report(space, experiment) for space, _ in parts(ws, competition)]
    score, sd = (round(float(np.mean([r[name] for r in reports])), 6) for name in ("score", "sd"))
    return reports[0]["metric"], score, sd


def entry_of(ws: Workspace, competition: CompetitionConfig, experiment: str) -> dict[str, Any]:
    """What a row says of a finished experiment, whatever its kind."""
    spaces = [space for space, _ in parts(ws, competition)]
    metric, score, sd = overall(ws, competition, experiment)
    config = load_experiment(spaces[0].run(experiment).config)
    reports = [read_json(space.run(experiment).report) for space in spaces]
    return {
        "date": now(),
        "competition": competition.name,
        "experiment": experiment,
        "preset": PRESET_OF.get(experiment, ""),
        "metric": metric,
        "score": score,
        "sd": sd,
        "folds": len(reports[0]["folds"]),
        "seconds": round(sum(seconds_of(space, experiment) for space in spaces), 1),
        "key": key_of(spaces, experiment),
        "git_sha": git_sha(),
        "limits": "; ".join(filter(None, dict.fromkeys(map(limits_of, reports)))),
        "stacked": " ".join(joined(config)),
    }


def key_of(spaces: list[Workspace], experiment: str) -> str:
    keys = [done_key(space.run(experiment).path) for space in spaces]
    return str(keys[0]) if len(keys) == 1 else content_hash(keys)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def joined(config: ExperimentConfig) -> tuple[str, ...]:
    return config.model.experiments if isinstance(config.model, PresetConfig) else ()


def made_of(ws: Workspace, experiment: str) -> list[str]:
    """A finished experiment after all that it is made of and builds on."""
    found: list[str] = []

    def visit(name: str) -> None:
        run = ws.run(name)
        if name in found or not run.report.is_file():
            return
        config = load_experiment(run.config)
        for below in (*config.upstream, *joined(config)):
            visit(below)
        found.append(name)

    visit(experiment)
    return found


def seconds_of(ws: Workspace, experiment: str) -> float:
    """Seconds of fitting, folds and all that the experiment is made of added up."""
    reports = (read_json(ws.run(name).report) for name in made_of(ws, experiment))
    return float(sum(sum(report.get("fit_seconds", ())) for report in reports))


def limits_of(report: dict[str, Any]) -> str:
    """What kept a run from more, in one phrase."""
    limits = report.get("limits")
    if not limits:
        return ""
    within = [f"{limits['seconds']:.0f} s"] if limits["seconds"] else []
    within += [size(limits["gigabytes"] * 2**30)] if limits["gigabytes"] else []
    # which limit it was is said already
    said = [line.partition(" limit: ")[2] or line for line in limits["left_out"]]
    return f"within {' and '.join(within)}: {'; '.join(said) or 'nothing left out'}"


def problems_of(ws: Workspace, experiment: str) -> list[str]:
    """What is to be known of a finished experiment before its answers are trusted."""
    report = finished_report(ws, experiment)
    problems = (
        begun_anew(ws, experiment),
        doubt_of(experiment, report),
        lag_of(ws, experiment, report),
    )
    return [problem for problem in problems if problem]


def begun_anew(ws: Workspace, experiment: str) -> str:
    """That folds of a finished experiment, or of what it is made of, are not those whose answers it has joined."""
    for name in made_of(ws, experiment):
        begun = [folder.name for folder in sorted(ws.run(name).path.glob("*/")) if is_begun(folder)]
        if begun or read_done(ws.run(name).path) is None:
            told = f" ({', '.join(begun)})" if begun else ""
            return (
                f"{name} was begun anew and is not finished{told}: what it said before is submitted; "
                f"{how_to_have(ws, experiment)}"
            )
    return ""


def doubt_of(experiment: str, report: dict[str, Any]) -> str:
    """Why the score of a finished experiment may promise too much, as it says itself; empty where it says nothing."""
    doubt = report.get("warning")
    return f"{experiment} {doubt}" if doubt else ""


def lag_of(ws: Workspace, experiment: str, report: dict[str, Any]) -> str:
    """That one of the experiments that a finished one joins is better alone, in a sentence; empty where none is."""
    names = joined(load_experiment(ws.run(experiment).config))
    scores = report.get("base") or {name: read_json(ws.run(name).report)["score"] for name in names}
    best = max(scores, key=lambda name: scores[name], default=None)
    if best is None or report["score"] >= scores[best]:
        return ""
    told = f"{experiment} scores {report['score']:.4f} out of fold, {best} alone {scores[best]:.4f}"
    if "methods" not in report:
        return f"{told}: joining costs more than it gains here"
    methods = {name: of_method["score"] for name, of_method in report["methods"].items()}
    if methods[report["winner"]] < max(methods.values()):
        return f"{told}: of methods that are alike within a standard error the one of least log-loss goes on"
    return f"{told}: each fold's method was chosen on the other folds"


def peak_memory() -> int:
    """MB of the largest process of this command so far."""
    return max(highest_mb(), round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024))


def memory_of(report: dict[str, Any]) -> int | None:
    """MB of the largest process that computed a part of a finished run; None where that is not known."""
    return max(report.get("memory_mb") or [0]) or None


def record_experiment(
    ws: Workspace,
    competition: CompetitionConfig,
    experiment: str,
    out: Path,
    repeats: dict[str, Any] | None = None,
    anew: bool = True,
) -> None:
    """Add the row of a finished experiment; of one that was not finished `anew` just now only where it has none, as
    after a run that was killed before. `repeats`: its report under several assignments."""
    reports = [finished_report(space, experiment) for space, _ in parts(ws, competition)]
    row = entry_of(ws, competition, experiment)
    row |= {"note": next(filter(None, (doubt_of(experiment, report) for report in reports)), "")}
    if repeats is not None:
        row |= {name: repeats[name] for name in ("score", "sd", "folds")}
        row["note"] = (
            f"mean of {len(repeats['scores'])} fold assignments, ± {repeats['between']:.4f} between them"
        )
    memory = list(map(memory_of, reports))
    known = [found for found in (*memory, peak_memory() if anew else None) if found is not None]
    record(out / LEDGER, row | ({"memory_mb": max(known)} if known else {}), anew)


def record_study(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    out: Path,
    seconds: float,
    anew: bool = True,
) -> None:
    """Add the row of a finished study as that of an experiment; its score has chosen the parameters."""
    folder = ws.tuning(config.name)
    report = read_json(folder / "report.json")
    row = {
        "date": now(),
        "competition": competition.name,
        "experiment": folder.name,
        "metric": competition.metric,
        "score": report["optimistic_score"],
        "folds": len(config.tune.folds) if config.tune else 0,
        "key": done_key(folder),
        "git_sha": git_sha(),
        "note": report["note"],
    }
    if anew:
        row |= {"seconds": round(seconds, 1), "memory_mb": peak_memory()}
    elif (taken := taken_in(folder)) is not None:
        row |= {"seconds": round(taken.seconds, 1), "memory_mb": taken.memory_mb}
    record(out / LEDGER, row, anew)


def record(path: Path, row: dict[str, Any], anew: bool) -> None:
    added = append_leaderboard(path, row | {"kind": EXPERIMENT}, once=not anew)
    if added and not anew:
        say(f"{path}: had no row of {row['experiment']}, it is added")
