"""What a message tells a user to run, so that an experiment is there: by a config that is there itself."""

from __future__ import annotations

import shlex
from pathlib import Path

from goods.config.loading import DEFAULTS, SHIPPED, competition_folders, first_with
from goods.core.workspace import Workspace


def given_to_a_script(ws: Workspace, experiment: str) -> str:
    """The arguments by which a script knows the experiment: its config and, of a competition of several targets, which.

    The config is that of its name or, of one that `--set name=` has made, what a run of it was trained with; where
    there is none of both, it is left to the user which one that was.
    """
    folder, saved = Path(SHIPPED.name) / ws.whole.competition, ws.run(experiment).config
    folders = [*competition_folders(folder), *(place / DEFAULTS for place in (folder.parent, SHIPPED))]
    target = f" --target {ws.attribute}" if ws.whole != ws else ""
    if first_with(f"{experiment}.yaml", folders) is not None:
        return f"{folder / experiment}.yaml{target}"
    if saved.is_file():
        return f"{shlex.quote(str(saved))}{target}"
    made = f"{folder}/EXPERIMENT.yaml{target} --set name={experiment}"
    return f"{made} (EXPERIMENT: what it is a variant of)"
