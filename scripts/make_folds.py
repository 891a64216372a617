"""Card → fold, once for every stage: work/<competition>/folds.parquet."""

from goods import cli
from goods.competitions.loading import load_competition
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.prepared import parts


def main() -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("competition")
    args = parser.parse_args()
    competition = load_competition(args.competition, cli.CONFIGS)
    for ws, of_target in parts(Workspace(args.work, args.competition), competition):
        make_folds(ws, of_target, args.force)


if __name__ == "__main__":
    cli.run(main)
