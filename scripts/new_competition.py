"""Raw files of a contest → configs/NAME/competition.yaml, with what was guessed of them, how sure and why."""

from pathlib import Path

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(
        __doc__, ".venv/bin/python scripts/new_competition.py myshop --data data/myshop", force=True
    )
    parser.add_argument("name", help="of the folder to write below configs/")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the raw files")
    parser.add_argument(
        "--configs",
        type=Path,
        default=cli.CONFIGS,
        metavar="DIR",
        help="folder of the configs (default: configs)",
    )
    args = parser.parse_args()

    from goods.competitions.guess.stage import new_competition

    new_competition(args.name, args.data, args.configs, args.force)


if __name__ == "__main__":
    cli.run(main)
