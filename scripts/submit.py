"""Write submissions/<competition>/result.parquet from a finished experiment; prints its score."""

from pathlib import Path

from goods import cli
from goods.artifacts import Workspace, read_json
from goods.config import load_competition
from goods.submission import submit


def main() -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("competition")
    parser.add_argument(
        "experiment", nargs="?", default="stack", help="name of a finished run (default: stack)"
    )
    parser.add_argument("--out", type=Path, default=cli.ROOT / "submissions", help="default: submissions")
    args = parser.parse_args()
    ws = Workspace(args.work, args.competition)
    path = submit(ws, load_competition(args.competition, cli.CONFIGS), args.experiment, args.out)
    report = read_json(ws.run(args.experiment).report)
    print(f"{path} {report['metric']}={report['score']:.4f}")


if __name__ == "__main__":
    cli.run(main)
