"""Check a competition's work folder against the hashes its stages left: exit code 1 where a file is not whole.

What is not whole is made again by the next run of the command that made it.
"""

import sys

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/verify.py kazanexpress2023")
    parser.add_argument(
        "competition", type=cli.competition_name, help="a folder of the work folder, or folder/target"
    )
    args = parser.parse_args()

    from goods.core.errors import GoodsError
    from goods.core.workspace import Workspace
    from goods.report.verification import verify

    ws = Workspace(args.work, args.competition)
    if not ws.path.is_dir():
        raise GoodsError(f"{ws.path}: no such folder; run scripts/run_all.sh {args.competition} first")
    whole, damaged = verify(ws)
    if not whole and not damaged:
        raise GoodsError(
            f"{ws.path}: nothing in it was finished; run scripts/run_all.sh {args.competition} first"
        )
    for line in whole:
        print(f"whole    {line}")
    for line in damaged:
        print(f"damaged  {line}")
    print(f"{len(whole)} whole, {len(damaged)} damaged")
    if damaged:
        sys.exit(1)


if __name__ == "__main__":
    cli.run(main)
