"""Write submissions/<competition>/report.html for a finished stack or run of pairs."""

from pathlib import Path

from goods import cli
from goods.competitions.loading import load_competition
from goods.core.workspace import Workspace
from goods.report.stage import write_report
from goods.submit.prediction import saved_config


def main() -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("competition")
    parser.add_argument(
        "experiment", nargs="?", default="stack", help="name of a finished stack (default: stack)"
    )
    parser.add_argument("--out", type=Path, default=cli.ROOT / "submissions", help="default: submissions")
    args = parser.parse_args()
    ws = Workspace(args.work, args.competition)
    config = saved_config(ws, args.experiment)
    print(write_report(ws, load_competition(args.competition, cli.CONFIGS), config, args.out))


if __name__ == "__main__":
    cli.run(main)
