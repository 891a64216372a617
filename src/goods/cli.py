"""What all scripts, and the sub-commands of `goods` that they are, share: common options, and errors as one line with
exit code 2.

Scripts start at once: the command line is parsed first, and `main` imports what works on it after `parse_args`; this
module does so within its functions. --help imports the standard library alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goods.core.commands import SCRIPT, amounts_joined, as_command, spelled, to_type, with_given
from goods.core.error_lines import check_words, lines_of, visible
from goods.core.errors import GoodsError, together
from goods.core.folders import check_folder, check_local, check_writable, current_folder
from goods.core.log import saying_to, stamped
from goods.core.path_parser import PathParser
from goods.core.pipes import ending_unread, show_all_signs, tell, tell_crashes, telling_exits, unread
from goods.core.scratch import check_temporary, temporary_files_in
from goods.core.stopping import stoppable
from goods.core.warned import told_at_the_end
from goods.core.workspace import Workspace, competition_name

if TYPE_CHECKING:
    from goods.config.competition import CompetitionConfig
    from goods.config.experiment import ExperimentConfig

CHECKOUT = Path(__file__).resolve().parents[2]
# where work/ and submissions/ are
ROOT = CHECKOUT if (CHECKOUT / "pyproject.toml").is_file() else current_folder()
# the current folder's own; what is not in them comes with the package
CONFIGS = next(
    (p for p in (current_folder() / "configs", CHECKOUT / "configs") if p.is_dir()), Path("configs")
)


class Parser(PathParser):
    """One that says what may stand next where a shell asks for that instead."""

    def parse_args(self, *given: Any, **named: Any) -> Any:
        from goods.core.completion import VARIABLE, candidates

        if (number := os.environ.get(VARIABLE)) is not None:
            at = int(number) - 1  # the sub-command is no word of its own any more
            word = "".join(sys.argv[at : at + 1])
            print("\n".join(candidates(self, sys.argv[1:at], word, {"competition": competitions()})))
            sys.exit()
        if not (given or named):
            given = (amounts_joined(sys.argv[1:]),)
        return super().parse_args(*given, **named)


def competitions() -> list[str]:
    """Names of the competitions that have configs."""
    from goods.config.loading import competitions_in

    return competitions_in(CONFIGS)


def parser(
    doc: str | None, example: str | None = None, *, force: bool = False, wait: bool = False
) -> argparse.ArgumentParser:
    """A parser of what every script takes, of --force and --wait where those act; its help says `doc` and ends with
    `example`, a whole command."""
    named = SCRIPT.search(example or "")
    made = Parser(
        prog=Path(named[0]).name if named and not as_command() else None,
        description=doc,
        epilog=example and f"example:\n  {spelled(example)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument(
        "--work", type=Path, default=ROOT / "work", help="folder of derived files (default: work)"
    )
    if force:
        made.add_argument("--force", action="store_true", help="redo what is already done")
    if wait:
        made.add_argument(
            "--wait", action="store_true", help="wait where another run holds the competition's work folder"
        )
    return made


def add_competition(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "competition",
        type=competition_name,
        help="a folder of configs/, or folder/target for one attribute",
    )


def add_out(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--out", type=Path, default=ROOT / "submissions", metavar="DIR", help="default: submissions"
    )


def add_ledger(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="of leaderboard.csv, which gets a row (default: submissions beside the work folder)",
    )


def ledger_folder(args: argparse.Namespace) -> Path:
    return args.out or args.work.resolve().parent / "submissions"


def add_finished(made: argparse.ArgumentParser) -> None:
    """A finished run of a competition."""
    add_competition(made)
    made.add_argument(
        "experiment", nargs="?", default="stack", help="name of a finished run (default: stack)"
    )


def add_executor(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--executor",
        choices=("local", "ray"),
        default="local",
        help="where folds, trials and batches are computed: on this machine (default) or by Ray",
    )
    made.add_argument(
        "--address",
        metavar="ADDR",
        help="of the Ray cluster: auto (that of this machine) or host:port of its head (default: one is started here)",
    )


@contextmanager
def executing(executor: str, address: str | None, work: Path) -> Iterator[None]:
    """Within, jobs run where the options of `add_executor` say."""
    if executor == "local":
        if address is not None:
            raise GoodsError(f"--address {address}: goes with --executor ray; add that or leave it out")
        yield
        return
    from goods.core.ray_jobs import cluster

    with cluster(address, work):
        yield


def competition_named(name: str, work: Path) -> CompetitionConfig:
    """Its settings, from CONFIGS or, of tables that `goods.run` was given, from the work folder."""
    from goods.competitions.frames import configs_of
    from goods.competitions.loading import load_competition

    return load_competition(name, configs_of(work, name, CONFIGS))


def competition_of(args: argparse.Namespace) -> tuple[Workspace, CompetitionConfig]:
    """Where the files of `args.competition` are, and its settings."""
    return Workspace(args.work, args.competition), competition_named(args.competition, args.work)


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


def check_there(option: str, path: Path | None) -> None:
    """GoodsError where an option names what is not there."""
    if path is not None and not path.exists():
        raise GoodsError(f"{option} {path}: no such file or folder; name one that is there")


def check_weights(args: argparse.Namespace) -> None:
    with together() as apart:
        for option, path in (("--text-weights", args.text_weights), ("--image-weights", args.image_weights)):
            with apart():
                check_there(option, path)


def load_config(args: argparse.Namespace) -> ExperimentConfig:
    from goods.config.loading import load_experiment

    with together() as apart:
        with apart():
            check_weights(args)
        return load_experiment(args.experiment, args.set, args.offline, args.text_weights, args.image_weights)


def named_experiments(args: argparse.Namespace, competition: str) -> list[ExperimentConfig]:
    """The configs of `args.experiments`, by their names in a competition's folder."""
    from goods.config.loading import load_experiment

    check_weights(args)
    paths = [CONFIGS / competition / f"{name}.yaml" for name in dict.fromkeys(args.experiments)]
    return [load_experiment(p, None, args.offline, args.text_weights, args.image_weights) for p in paths]


def experiment_of(args: argparse.Namespace) -> tuple[Workspace, CompetitionConfig, ExperimentConfig]:
    """The experiment, its competition (or --target) and where files are, which, as the ledger, can be written to."""
    from goods.config.loading import competition_in

    with together() as apart:
        for folder in (args.work, *([ledger_folder(args)] if "out" in args else ())):
            with apart():
                check_writable(folder)
        name = ""
        if not any(setting.startswith("competition=") for setting in args.set):
            with apart():
                name = competition_in(args.experiment)
        with apart():
            config = load_config(args)
            name = config.competition
        if name:
            competition = competition_named(name, args.work)
            if args.target:
                competition = competition.of_target(args.target)
            elif competition.targets:
                named = ", ".join(competition.targets)
                raise GoodsError(f"competition {name} has several targets; add --target NAME: {named}")
    return Workspace(args.work, competition.name), competition, config


def agreed(question: str) -> bool:
    """Whether the one at the terminal says yes; GoodsError where nobody is there."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise GoodsError("nobody is there to be asked; add --yes") from None


def run(main: Callable[[], None]) -> None:
    """Call a script's main; a GoodsError, or a file that cannot be read or written, becomes one line, or one for each
    of several mistakes, and exit code 2."""
    folders: list[Path] = []
    with ending_unread(), stoppable() as stop, with_given(sys.argv), saying_to(tell_stamped):
        try:
            tell_crashes()
            show_all_signs()
            check_temporary()
            os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
            # of a run that was stopped: joblib's helper process removes what is left, and needs not say so
            os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
            check_words([*sys.argv[1:], str(Path.cwd())])
            work, folders = used_folders()
            for folder in folders:
                check_local(folder)
            check_folder(work)  # --out of some scripts is a file
            with temporary_files_in(work), told_at_the_end(), telling_exits():
                main()
        except BaseException as error:
            if stop.signal is not None or isinstance(
                error, KeyboardInterrupt
            ):  # others may have made another of it
                stop.end()
            if isinstance(error, BrokenPipeError) and unread():
                raise
            lines = lines_of(error, folders)
            if lines is None:
                raise
            for line in lines:
                tell(f"error: {visible(to_type(line))}")
            sys.exit(2)


def tell_stamped(message: str) -> None:
    """A message on stderr. Where no terminal shows it as it comes, each of its lines says when that was."""
    tell(stamped(to_type(message)))


def used_folders() -> tuple[Path, list[Path]]:
    """The work folder of the command line, and all those that files are written to."""
    known = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    known.add_argument("--work", type=Path, default=ROOT / "work")
    known.add_argument("--out", type=Path, default=ROOT / "submissions")
    try:
        args, _ = known.parse_known_args()
    except argparse.ArgumentError:  # the script's own parser tells it better
        args = known.parse_args([])
    return args.work, [args.work, args.out]
