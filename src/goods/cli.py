"""What all scripts share: common options, and errors as one line with exit code 2."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from goods.competitions.loading import load_competition
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
TEMPORARY = 4096  # bytes that a folder of temporary files must take
FULL = 2**26  # bytes free below which a disk is called full


def parser(doc: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    made.add_argument(
        "--work", type=Path, default=ROOT / "work", help="folder of derived files (default: work)"
    )
    made.add_argument("--force", action="store_true", help="redo what is already done")
    made.add_argument(
        "--wait", action="store_true", help="wait where another run holds the competition's work folder"
    )
    return made


def add_competition(made: argparse.ArgumentParser) -> None:
    made.add_argument("competition", help="a folder of configs/, or folder/target for one attribute")


def add_out(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--out", type=Path, default=ROOT / "submissions", metavar="DIR", help="default: submissions"
    )


def add_finished(made: argparse.ArgumentParser) -> None:
    """A finished run, and where what is made of it goes."""
    add_competition(made)
    made.add_argument(
        "experiment", nargs="?", default="stack", help="name of a finished run (default: stack)"
    )
    add_out(made)


def competition_of(args: argparse.Namespace) -> tuple[Workspace, CompetitionConfig]:
    """Where the files of `args.competition` are, and its settings."""
    return Workspace(args.work, args.competition), load_competition(args.competition, CONFIGS)


def add_experiment(made: argparse.ArgumentParser) -> None:
    made.add_argument("experiment", type=Path, help="configs/<competition>/<experiment>.yaml")
    made.add_argument("--target", metavar="NAME", help="attribute, in a competition of several")
    made.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a config key")
    add_weights(made)


def add_weights(made: argparse.ArgumentParser) -> None:
    made.add_argument("--offline", action="store_true", help="no hub: packaged or from-scratch weights")
    made.add_argument("--text-weights", type=Path, metavar="DIR", help="local Hugging Face folder for text")
    made.add_argument(
        "--image-weights", type=Path, metavar="DIR", help="local timm checkpoint (file or folder)"
    )


def check_weights(args: argparse.Namespace) -> None:
    for option, path in (("--text-weights", args.text_weights), ("--image-weights", args.image_weights)):
        if path is not None and not path.exists():
            raise GoodsError(f"{option} {path}: no such file or folder")


def load_config(args: argparse.Namespace) -> ExperimentConfig:
    check_weights(args)
    return load_experiment(args.experiment, args.set, args.offline, args.text_weights, args.image_weights)


def named_experiments(args: argparse.Namespace, competition: str) -> list[ExperimentConfig]:
    """The configs of `args.experiments`, by their names in a competition's folder."""
    check_weights(args)
    paths = [CONFIGS / competition / f"{name}.yaml" for name in args.experiments]
    return [load_experiment(p, None, args.offline, args.text_weights, args.image_weights) for p in paths]


def experiment_of(args: argparse.Namespace) -> tuple[Workspace, CompetitionConfig, ExperimentConfig]:
    """The experiment of the command line, the competition (or its --target) and where its files are."""
    config = load_config(args)
    competition = load_competition(config.competition, CONFIGS)
    if args.target or competition.targets:
        if not args.target:
            raise GoodsError(
                f"competition {competition.name} has several targets; add --target NAME: "
                + ", ".join(competition.targets)
            )
        competition = competition.of_target(args.target)
    return Workspace(args.work, competition.name), competition, config


def run(main: Callable[[], None]) -> None:
    """Call a script's main; a GoodsError, or a file that cannot be read or written, becomes one line and exit code
    2."""
    check_temporary()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        main()
    except GoodsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.strerror is None:
            raise
        if error.errno == errno.ENOSPC:
            print(f"error: {no_space(error.filename)}", file=sys.stderr)
            sys.exit(2)
        where = "" if error.filename is None else f"{error.filename}: "
        print(f"error: {where}{error.strerror}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)


def check_temporary() -> None:
    """Say so where the folder that TMPDIR names cannot be used: Python takes another without a word."""
    named = os.environ.get("TMPDIR")
    if not named:
        return
    try:
        with tempfile.TemporaryFile(dir=named) as file:
            file.write(b" " * TEMPORARY)
    except OSError as error:
        print(
            f"warning: TMPDIR is {named}, where nothing can be written ({error.strerror}): files are put elsewhere; "
            "mend it if the run ends for want of space",
            file=sys.stderr,
        )


def no_space(filename: str | None) -> str:
    """What to do where a disk is full; where the error does not name the file, which folders are full."""
    if filename is not None:
        return f"{filename}: no space left in {Path(filename).absolute().parent}; free some, or name another folder"
    folder = tempfile.gettempdir()
    if shutil.disk_usage(folder).free < FULL:
        return f"{folder}: no space left in the folder of temporary files; free some, or set TMPDIR to another folder"
    return "no space left in the folder of --work or --out; free some, or name another folder"
