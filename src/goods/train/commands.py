"""What a message tells a user to run, so that an experiment is there: by a config that is there itself."""

from __future__ import annotations

import shlex
from pathlib import Path

from goods.config.loading import DEFAULTS, SHIPPED, competition_folders, first_with
from goods.config.presets import PRESETS, USUAL
from goods.core.workspace import Workspace
from goods.train.best import TUNED, best_path


def given_to_a_script(ws: Workspace, experiment: str) -> str:
    """The arguments by which a script knows the experiment: its config and, of a competition of several targets, which.

    The config is that of its name or, of one that `--set name=` has made, what a run of it was trained with; of one
    that was tuned, what its study writes. Where there is none of these, it is left to the user which one that was.
    """
    folder, saved = Path(SHIPPED.name) / ws.whole.competition, ws.run(experiment).config
    folders = [*competition_folders(folder), *(place / DEFAULTS for place in (folder.parent, SHIPPED))]
    target = f" --target {ws.attribute}" if ws.whole != ws else ""
    if first_with(f"{experiment}.yaml", folders) is not None:
        return f"{folder / experiment}.yaml{target}"
    if saved.is_file():
        return f"{shlex.quote(str(saved))}{target}"
    base = experiment.removesuffix(TUNED)
    if base != experiment and first_with(f"{base}.yaml", folders) is not None:
        best = best_path(ws, base)
        study = "" if best.is_file() else f" (scripts/tune.py {folder / base}.yaml{target} writes it)"
        return f"{shlex.quote(str(best))}{target}{study}"
    made = f"{folder}/EXPERIMENT.yaml{target} --set name={experiment}"
    return f"{made} (EXPERIMENT: what it is a variant of)"


def run_again(ws: Workspace, experiment: str) -> str:
    """The command that makes a competition's preset of which the experiment is the last."""
    named = [preset for preset, file in PRESETS.items() if file == f"{experiment}.yaml" and preset != USUAL]
    return f"scripts/run_all.sh {ws.whole.competition}" + "".join(f" --preset {preset}" for preset in named)


def how_to_have(ws: Workspace, experiment: str) -> str:
    """What to run for an experiment of any kind that is not finished."""
    if f"{experiment}.yaml" in PRESETS.values():
        return (
            f"run {run_again(ws, experiment)}, or for it alone, where what it joins is trained, scripts/stack.py "
            f"{given_to_a_script(ws, experiment)}"
        )
    return (
        f"run scripts/run_all.sh {ws.whole.competition} for all of a preset, or for it alone scripts/train.py "
        f"{given_to_a_script(ws, experiment)} (where it is a stack, scripts/stack.py with the same)"
    )
