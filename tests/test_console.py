"""What a user sees of a run: headlines, a table at the end, times in a log, warnings of libraries once."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from conftest import competition_config
from worker_jobs import warns

from goods import cli
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.console_table import aligned, show_table
from goods.core.errors import GoodsError
from goods.core.execution import Resources, run_jobs
from goods.core.log import say
from goods.core.warned import counted
from goods.prepare.folds import make_folds
from goods.train.stage import train
from goods.tune.study import params_told

NAME = "kazanexpress2023"
HEAD = ["stage", "out-of-fold", "seconds", "share of the pool", "peak memory"]
TIMED = re.compile(r"\d\d:\d\d:\d\d ")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def script(monkeypatch, capsys, tmp_path):
    """Call a script whose main this is; returns (exit code, lines of stderr)."""

    def call(main) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["script", "--work", str(tmp_path / "work")])
        capsys.readouterr()
        try:
            cli.run(main)
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, capsys.readouterr().err.splitlines()

    return call


def test_a_log_has_a_line_before_each_stage_with_the_best_and_what_is_left(script_run):
    _, _, err = script_run
    heads = [line[9:] for line in err.splitlines() if line[9:].startswith(f"{NAME}: ")]
    left = r"about [\d.]+ (s|min|h) left"
    best = r"best so far [\w-]+ \d\.\d{4}; "
    for pattern in (
        "prepare",
        rf"tune linear \(1 of 2\); {left}",
        rf"train linear-tuned \(1 of 2\); {left}",
        rf"train fasttext \(2 of 2\); best so far linear-tuned \d\.\d{{4}}; {left}",
        rf"stack stack; {best}{left}",
        "report",
        "submit",
    ):
        assert re.fullmatch(rf"{NAME}: {pattern}", heads.pop(0)), pattern
    assert len(heads) == 1 and "weighs" in heads[0]


def test_a_log_has_times_and_nothing_that_is_drawn(script_run):
    _, out, err = script_run
    assert "\r" not in out + err and "\x1b" not in out + err
    assert all(TIMED.match(line) for line in err.splitlines())
    assert re.fullmatch(r"result: \S+ rows=40 weighted_f1=\d\.\d{4} seconds=\d+\n", out)


def test_the_end_of_a_run_is_a_table_the_paths_and_what_to_do_next(script_run):
    folder, _, err = script_run
    lines = [line[9:] for line in err.splitlines()]
    at = next(i for i, line in enumerate(lines) if "weighs" in line)
    assert re.split(r"  +", lines[at + 1]) == HEAD
    rows = [line.split() for line in lines[at + 2 : at + 7]]
    assert [row[0] for row in rows] == ["prepare", "linear-tuning", "linear-tuned", "fasttext", "stack"]
    assert all(re.fullmatch(r"-?\d+\.\d\d", row[5]) for row in rows[2:4]) and len(rows[4]) == 7
    assert all(row[-1] == "MB" and int(row[-2].replace(",", "")) > 50 for row in rows)
    first, last = lines.index("written:") + 1, lines.index("next:")
    paths = [Path(line.strip()) for line in lines[first:last]]
    assert [p.name for p in paths[:4]] == [
        "result.parquet",
        "report.html",
        "errors.csv",
        "suspected_labels.csv",
    ]
    assert paths[-1].name == "leaderboard.csv"
    assert all(path.exists() for path in paths) and (paths[4] / "experiment.yaml").is_file()
    commands = [line.split() for line in lines[last + 1 :]]
    assert [command[1] for command in commands] == [f"scripts/{n}.py" for n in ("explain", "app", "predict")]
    assert all(command[-2:] == ["--work", str(folder / "work")] for command in commands)


def test_the_table_and_the_report_say_the_same_shares_of_the_pool_which_sum_to_one(script_run):
    folder, _, err = script_run
    lines = [line[9:] for line in err.splitlines()]
    at = next(i for i, line in enumerate(lines) if line.startswith("stage  "))
    told = {row.split()[0]: row.split()[5] for row in lines[at + 1 : at + 6] if len(row.split()) == 8}
    assert list(told) == ["linear-tuned", "fasttext"] and sum(map(float, told.values())) == pytest.approx(
        1, abs=0.011
    )
    html = (folder / "out" / NAME / "report.html").read_text(encoding="utf-8")
    table = html.split("What each experiment adds</h3>")[1].split("</table>")[0]
    assert f'<th class="n">{HEAD[3]}<th' in table
    assert dict(re.findall(r'<tr><td>([\w-]+)<td class="n">([\d.]+)<td', table)) == told


def test_a_report_says_which_bias_new_cards_get(script_run):
    folder, _, _ = script_run
    learned = read_json(folder / "work" / NAME / "runs" / "stack" / "report.json")["decoding"]
    html = (folder / "out" / NAME / "report.html").read_text(encoding="utf-8")
    assert learned["method"] == "safe_class_bias"
    assert (f"{learned['strength']} · log(1 + train cards)" in html) == (learned["strength"] > 0)
    assert ("no bias to rare classes scores higher and leaves" in html) == (learned["strength"] == 0)


def test_links_of_a_report_and_of_its_kept_copy_lead_to_files(script_run):
    folder, _, _ = script_run
    page = folder / "out" / NAME / "report.html"
    copies = list(page.parent.glob("20*/report.html"))
    assert len(copies) == 1
    for one in (page, *copies):
        links = re.findall(r'<a href="([^"#]+)"', one.read_text(encoding="utf-8"))
        assert {"result.parquet", "errors.csv", "suspected_labels.csv"} <= set(links)
        assert all((one.parent / link).is_file() for link in links)


def test_a_report_claims_nothing_of_calibration_but_what_its_figures_show(script_run):
    folder, _, _ = script_run
    html = (folder / "out" / NAME / "report.html").read_text(encoding="utf-8")
    told = re.search(r"not for this error\.\s+(It [^<]+)</p>", html)
    assert told, "no sentence on what calibration did"
    errors = re.findall(r"<figcaption>([\w-]+): expected calibration error\s+([\d.]+) → ([\d.]+)", html)
    rose = told[1].partition("rose for ")[2].partition(" (")[0].split(", ")
    assert len(errors) == 3 and all((float(b) > float(a)) == (name in rose) for name, a, b in errors)


def test_what_is_told_to_do_next_can_be_done(script_run, run_script, monkeypatch):
    folder, _, err = script_run
    monkeypatch.setattr(cli, "CONFIGS", folder / "configs")
    command = next(line.split() for line in err.splitlines() if "explain.py" in line)
    code, out, said = run_script("explain", *command[3:])
    assert code == 0 and out, said


def test_a_table_is_aligned_and_has_no_empty_columns(capsys):
    assert aligned([["a", "score"], ["long", "1"]]) == ["a     score", "long      1"]
    show_table("all", ["name", "score", "memory"], [["linear", "0.5", ""], ["navec", "0.75", ""]])
    assert capsys.readouterr().err == "all\nname    score\nlinear    0.5\nnavec    0.75\n"


def test_a_terminal_gets_a_table_with_lines(monkeypatch):
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    show_table("all", ["name", "score"], [["linear [x]", "0.5"]])
    assert "linear [x]" in terminal.getvalue() and "┃" in terminal.getvalue()


def test_a_narrow_terminal_cuts_nothing_off_a_table(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    names, head = ["linear-tuning", "linear-tuned"], ["stage", "out-of-fold", "seconds", "share of the pool"]
    row = ["0.8792 ± 0.0232", "12,345.6", "0.83"]
    show_table("all", [*head, "peak memory"], [[name, *row, "1,262 MB"] for name in names])
    shown = re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue())
    assert all(name in shown for name in names) and "…" not in shown
    assert max(map(len, shown.splitlines())) <= 60


def test_messages_bear_the_time_where_no_terminal_shows_them_and_errors_do_not(script):
    def main() -> None:
        say("first\nsecond")
        raise GoodsError("a mistake")

    code, lines = script(main)
    assert code == 2 and lines[-1] == "error: a mistake"
    assert [TIMED.sub("", line) for line in lines[:-1]] == ["first", "second"]
    assert all(TIMED.match(line) for line in lines[:-1])


def test_messages_on_a_terminal_bear_no_time(monkeypatch, script):
    terminal = Terminal()

    def main() -> None:
        monkeypatch.setattr("sys.stderr", terminal)
        say("first")

    script(main)
    assert terminal.getvalue() == "first\n"


def test_warnings_are_told_once_in_the_end_with_a_count(script):
    def main() -> None:
        for text in ("same", "same", "other"):
            warns(text)
        say("done")

    code, lines = script(main)
    told = [TIMED.sub("", line) for line in lines]
    assert (code, told) == (
        0,
        [
            "done",
            "warning: worker_jobs: UserWarning: same and more (2 times)",
            "warning: worker_jobs: UserWarning: other and more",
        ],
    )


def test_warnings_of_workers_are_counted_with_the_others(monkeypatch):
    monkeypatch.setattr("goods.core.execution.cores", lambda: 2)
    with counted() as found:
        assert run_jobs(warns, [("same",), ("same",)], Resources("cpu", 1), "two") == ["same", "same"]
    assert list(found.values()) == [2]


def test_a_warning_names_the_package_it_is_from():
    with counted() as found:
        warnings.warn_explicit("slow", FutureWarning, "/a/site-packages/sklearn/svm/_base.py", 3)
    assert list(found) == ["sklearn: FutureWarning: slow"]


def test_a_fold_that_was_asked_for_says_its_score_and_its_seconds(ws, capsys):
    config, competition = load_experiment(cli.CONFIGS / NAME / "linear.yaml"), competition_config(n_folds=3)
    make_folds(ws, competition)
    train(ws, competition, config, [1])
    said = re.search(r"train linear: fold 1 weighted_f1 (\d\.\d{4}), \d+\.\d s\n", capsys.readouterr().err)
    assert said
    train(ws, competition, config)
    whole = capsys.readouterr().err
    assert "fold 1 " not in whole
    report = (ws.run("linear").path / "report.json").read_text(encoding="utf-8")
    assert said[1] in [f"{float(score):.4f}" for score in re.findall(r"\d\.\d+", report)]


def test_parameters_are_told_with_four_digits():
    assert params_told({"C": 0.123456789, "n": 12, "loss": "log"}) == "C=0.1235, n=12, loss=log"


def test_worker_processes_say_when_as_the_main_one_does():
    code = (
        "from joblib import delayed; from goods.core.log import say; from goods.core.processes import in_processes; "
        "list(in_processes([delayed(say)('a\\nb')] * 2, workers=2))"
    )
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert len(lines.splitlines()) == 4
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d [ab]", line) for line in lines.splitlines())
