"""report.html of what a run submits, where there is time for it."""

from __future__ import annotations

from math import inf
from pathlib import Path

from goods.budget.course import Course
from goods.config.experiment import ExperimentConfig
from goods.core.deadline import OutOfTime, deadline
from goods.core.log import say
from goods.core.progress import headline
from goods.report.stage import write_report
from goods.report.summary import LISTS
from goods.submit.kept import REPORT


def report_in_time(course: Course, submitted: ExperimentConfig, out: Path) -> None:
    """Where there is no time for the page and its lists, there are none, rather than those of another run."""
    name = course.ws.competition
    headline(f"{name}: report")
    try:
        with deadline(inf if course.finished else course.to_report()):
            write_report(course.ws, course.competition, submitted, out, True)  # it submits next
    except OutOfTime:
        for part in (REPORT, *LISTS):
            (out / name / part).unlink(missing_ok=True)
        say(f"time limit: no report.html; scripts/report.py {name} {submitted.name} makes it")
