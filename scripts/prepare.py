"""Raw files of a competition → work/<competition>/prepared/."""

import interpreter

with interpreter.Ready():
    from pathlib import Path

    from goods import cli


def main() -> None:
    parser = cli.parser(
        __doc__, ".venv/bin/python scripts/prepare.py kazanexpress2023 --data DIR", force=True, wait=True
    )
    cli.add_competition(parser)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the raw files")
    args = parser.parse_args()

    from goods.core.locks import working
    from goods.prepare.stage import prepare

    args.competition = args.competition.partition("/")[0]  # of a target all are prepared
    ws, competition = cli.competition_of(args)
    with working(ws, alone=True, wait=args.wait):
        prepare(ws, competition, args.data, args.force)


if __name__ == "__main__":
    cli.run(main)
