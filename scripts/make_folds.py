"""Card → fold, once for every stage: work/<competition>/folds.parquet."""

from goods import cli
from goods.prepare.folds import make_folds
from goods.prepare.prepared import parts


def main() -> None:
    parser = cli.parser(__doc__)
    cli.add_competition(parser)
    args = parser.parse_args()
    for ws, of_target in parts(*cli.competition_of(args)):
        make_folds(ws, of_target, args.force)


if __name__ == "__main__":
    cli.run(main)
