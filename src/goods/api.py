"""The pipeline from Python, with pandas in and out: the same files as the scripts write, byte for byte.

    import goods

    result = goods.run("kazanexpress2023", data="data/kazanexpress2023")
    result = goods.run(train=train, test=test, target="category", id="sku", text=["name", "description"])
    result.submission, result.score, result.report
    goods.leaderboard("work")
    goods.predict("kazanexpress2023", new_cards)

What cannot be done raises `goods.GoodsError` with the message that a script ends with.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from goods import cli
from goods.budget.limits import budget
from goods.competitions.frames import competition_of_frames, settings_of
from goods.competitions.loading import load_competition
from goods.config.loading import load_experiment
from goods.config.presets import PRESETS
from goods.core.artifacts import read_json
from goods.core.done import done_key
from goods.core.errors import GoodsError
from goods.core.meant import among
from goods.core.scratch import temporary_files_in
from goods.core.wording import count
from goods.core.workspace import Run, Workspace
from goods.pipeline import run_all
from goods.presets import Options
from goods.submit.entries import overall
from goods.submit.prediction import predict_file

COLUMNS = ("competition", "experiment", "family", "metric", "score", "sd", "seconds")


@dataclass(frozen=True, repr=False)
class Result:
    """A finished run.

    `submission`: what result.parquet at `path` holds, a row for each test card or pair · `score`, `sd`: out of fold, by
    `metric`, of what is submitted, and its standard deviation over folds; of several targets the mean · `seconds` of
    wall clock that the run took · `report`: the page report.html, None where a run within limits has none · `work`,
    `configs`: folders of derived files and of configs.
    """

    competition: str
    experiment: str
    submission: pd.DataFrame
    metric: str
    score: float
    sd: float
    seconds: float
    path: Path
    report: Path | None
    work: Path
    configs: Path

    def __repr__(self) -> str:
        """One line, without the rows: what a notebook shows of it."""
        score = f"{self.metric} {self.score:.4f} ± {self.sd:.4f}"
        return f"<{self.competition} {self.experiment}: {score}, {count(len(self.submission), 'row')} in {self.path}>"

    def predict(self, cards: pd.DataFrame, images: Path | str | None = None) -> pd.DataFrame:
        """As `goods.predict`, of this run."""
        return predict(
            self.competition, cards, self.experiment, images=images, work=self.work, configs=self.configs
        )


def run(
    competition: str | None = None,
    *,
    train: pd.DataFrame | None = None,
    test: pd.DataFrame | None = None,
    data: Path | str | None = None,
    work: Path | str = cli.ROOT / "work",
    out: Path | str = cli.ROOT / "submissions",
    configs: Path | str | None = None,
    preset: str = "quick",
    offline: bool = False,
    refit: bool = False,
    force: bool = False,
    wait: bool = False,
    text_weights: Path | str | None = None,
    image_weights: Path | str | None = None,
    time_limit: str | None = None,
    memory_limit: str | None = None,
    workers: int | None = None,
    **table: Any,
) -> Result:
    """Everything from raw files to the submission, of a competition by its name, or of the frames `train` and `test`.

    Options are those of run_all.sh; `configs` is the folder of configs (default: configs/, as for scripts). Frames are
    described by `table`: `target` (a column), `text` (columns, the title first) or `title`, `description`,
    `attributes`; `id`, `shop`, `numbers`, `categories`, `tree`; `metric`, `n_folds`, `seed`, and `stack`, keys of the
    last experiment that are other than the default's. They are kept below `work` by the name of the competition,
    "frames" where it has none: the same frames again go on where they were. GoodsError where an option or what is given
    cannot be used.
    """
    if preset not in PRESETS:
        raise GoodsError(f"preset {preset!r}: known are {among(preset, sorted(PRESETS))}")
    folder, name, own = Path(work), competition, _existing("configs", configs) or cli.CONFIGS
    if train is not None or test is not None:
        if train is None or test is None or data is not None:
            raise GoodsError("frames: give both train and test, and no data")
        name = competition or "frames"
        own = competition_of_frames(folder, name, train, test, table, own)
        data = Workspace(folder, name).raw
    elif table:
        raise GoodsError(f"{min(table)}: describes frames; give train and test, or leave it out")
    if name is None:
        raise GoodsError("competition: none is named; name one, or give the frames train and test")
    options = Options(
        own,
        folder,
        Path(out),
        data=_path(data),
        preset=preset,
        offline=offline,
        text_weights=_existing("text_weights", text_weights),
        image_weights=_existing("image_weights", image_weights),
        refit=refit,
        force=force,
        wait=wait,
        budget=budget(time_limit, memory_limit, None if workers is None else str(workers)),
    )
    return _result(name, options)


def _result(name: str, options: Options) -> Result:
    started = time.perf_counter()
    with temporary_files_in(options.work):
        run_all(name, options)
    experiment, folder = Path(PRESETS[options.preset]).stem, options.out / name
    metric, score, sd = overall(
        Workspace(options.work, name), load_competition(name, options.configs), experiment
    )
    report = folder / "report.html"
    return Result(
        name,
        experiment,
        pd.read_parquet(folder / "result.parquet"),
        metric,
        score,
        sd,
        time.perf_counter() - started,
        folder / "result.parquet",
        report if report.is_file() else None,
        options.work,
        options.configs,
    )


def leaderboard(work: Path | str = cli.ROOT / "work", competition: str | None = None) -> pd.DataFrame:
    """Finished experiments of a work folder (of one competition), best first, a row each: competition, experiment,
    family, metric, score out of fold, standard deviation over folds, and seconds of fitting, all folds added up.
    Without rows where there are none."""
    rows = []
    for done in sorted([*Path(work).glob("*/runs/*/DONE"), *Path(work).glob("*/*/runs/*/DONE")]):
        run, name = Run(done.parent), done.parents[2].relative_to(work).as_posix()
        if competition not in (None, name, name.partition("/")[0]) or not run.oof.is_file():
            continue
        if done_key(run.path) is not None:
            report, config = read_json(run.report), load_experiment(run.config)
            score, seconds = [report[key] for key in COLUMNS[3:6]], sum(report["fit_seconds"])
            rows.append((name, run.path.name, config.model.family, *score, seconds))
    board = pd.DataFrame(rows, columns=list(COLUMNS))
    ordered = board.sort_values(["competition", "score"], ascending=[True, False], kind="stable")
    return ordered.reset_index(drop=True)


def predict(
    competition: str,
    cards: pd.DataFrame,
    experiment: str = "stack",
    *,
    images: Path | str | None = None,
    work: Path | str = cli.ROOT / "work",
    configs: Path | str | None = None,
) -> pd.DataFrame:
    """Answers of a finished experiment on new cards in their order, a row each: the id, the answer and, from 0 to 1,
    `confidence` in it; of several targets `<target>_confidence`; where the contest asks for probabilities, these.

    `cards`: in the columns of the competition's test cards; `images`: folder of their photos, named by id; `configs`:
    folder of configs (default: what frames of that name were given as, else as for scripts). GoodsError where the
    experiment is not finished, or cards cannot be read.
    """
    folder = Path(work)
    frames = settings_of(folder)
    default = frames if (frames / competition.partition("/")[0]).is_dir() else cli.CONFIGS
    config = load_competition(competition, _existing("configs", configs) or default)
    ws = Workspace(folder, competition)
    with temporary_files_in(folder), tempfile.TemporaryDirectory(prefix="goods-frames-") as temporary:
        given, answers = Path(temporary) / "cards.parquet", Path(temporary) / "answers.parquet"
        cards.to_parquet(given, index=False)
        predict_file(ws, config, experiment, given, _path(images), answers)
        return pd.read_parquet(answers)


def _path(path: Path | str | None) -> Path | None:
    return None if path is None else Path(path)


def _existing(option: str, path: Path | str | None) -> Path | None:
    found = _path(path)
    cli.check_there(option, found)
    return found
