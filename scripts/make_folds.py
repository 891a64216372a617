"""Card → fold, once for every stage: work/<competition>/folds.parquet."""

from goods import cli
from goods.core.locks import working
from goods.prepare.folds import make_folds
from goods.prepare.prepared import parts


def main() -> None:
    parser = cli.parser(__doc__)
    cli.add_competition(parser)
    args = parser.parse_args()
    ws, competition = cli.competition_of(args)
    with working(ws, alone=True, wait=args.wait):
        for space, of_target in parts(ws, competition):
            make_folds(space, of_target, args.force)


if __name__ == "__main__":
    cli.run(main)
