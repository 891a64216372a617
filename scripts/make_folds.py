"""Card → fold, once for every stage: work/<competition>/folds.parquet."""

from pathlib import Path

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(
        __doc__, ".venv/bin/python scripts/make_folds.py kazanexpress2023", force=True, wait=True
    )
    cli.add_competition(parser)
    parser.add_argument(
        "--from",
        dest="given",
        type=Path,
        metavar="FILE",
        help=".parquet or .csv of your own folds: id, fold (0 to n_folds - 1) and, if wanted, group",
    )
    args = parser.parse_args()

    from goods.core.locks import working
    from goods.prepare.folds import make_folds
    from goods.prepare.prepared import parts

    ws, competition = cli.competition_of(args)
    with working(ws, alone=True, wait=args.wait):
        for space, of_target in parts(ws, competition):
            make_folds(space, of_target, args.force, args.given)


if __name__ == "__main__":
    cli.run(main)
