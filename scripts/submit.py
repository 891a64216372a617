"""Write submissions/<competition>/result.parquet from a finished experiment; prints its score."""

from pathlib import Path

from goods import cli
from goods.competitions.loading import load_competition
from goods.core.workspace import Workspace
from goods.submit.stage import overall, submit


def main() -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("competition")
    parser.add_argument(
        "experiment", nargs="?", default="stack", help="name of a finished run (default: stack)"
    )
    parser.add_argument("--out", type=Path, default=cli.ROOT / "submissions", help="default: submissions")
    args = parser.parse_args()
    ws = Workspace(args.work, args.competition)
    competition = load_competition(args.competition, cli.CONFIGS)
    path = submit(ws, competition, args.experiment, args.out)
    metric, score, _ = overall(ws, competition, args.experiment)
    print(f"{path} {metric}={score:.4f}")


if __name__ == "__main__":
    cli.run(main)
