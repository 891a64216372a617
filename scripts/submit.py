"""Write submissions/<competition>/result.parquet from a finished experiment; prints its score.

--check, --compare, --public and --private write no submission.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/submit.py kazanexpress2023 stack")
    cli.add_finished(parser)
    cli.add_out(parser)
    add_board(parser)
    args = parser.parse_args()

    ws, competition = cli.competition_of(args)
    if args.check:
        from goods.core.wording import count
        from goods.submit.elsewhere import checked_file

        print(
            f"{args.check}: {count(len(checked_file(ws, competition, args.check)), 'row')}, as the contest takes them"
        )
    elif args.compare:
        from goods.submit.elsewhere import compare

        print(*compare(ws, competition, args.experiment, *args.compare), sep="\n")
    elif args.public is not None or args.private is not None:
        print(noted(args, competition.name))
    else:
        cli.check_writable(args.out)
        submit_run(args)


def add_board(parser: ArgumentParser) -> None:
    parser.add_argument("--note", default="", metavar="TEXT", help="of the ledger's row")
    parser.add_argument("--keep", type=int, metavar="N", help="of the submissions kept only the newest stay")
    parser.add_argument("--kaggle", metavar="NAME", help="send it to this contest, with the package kaggle")
    parser.add_argument("-m", "--message", metavar="TEXT", help="for --kaggle")
    parser.add_argument(
        "--check", type=Path, metavar="FILE", help="would the contest take this .csv or .parquet?"
    )
    parser.add_argument(
        "--compare", type=Path, nargs=2, metavar=("A", "B"), help="two files: where B differs"
    )
    parser.add_argument("--public", type=float, metavar="SCORE", help="of the board: into the ledger's row")
    parser.add_argument("--private", type=float, metavar="SCORE", help="of the board, when it has ended")
    parser.add_argument("--submission", metavar="HASH", help="whose score it is (default: the newest's)")


def noted(args: Namespace, competition: str) -> str:
    from goods.submit.ledger import LEDGER, note_board

    scores = {name: value for name in ("public", "private") if (value := getattr(args, name)) is not None}
    row = note_board(args.out / LEDGER, competition, scores, args.submission)
    told = " ".join(f"{name}={value:g}" for name, value in scores.items())
    return f"{row.experiment} {row.file_hash[:12]}: {row.metric}={row.score:.4f} {told}"


def submit_run(args: Namespace) -> None:
    from goods.submit.entries import overall
    from goods.submit.stage import submit

    ws, competition = cli.competition_of(args)
    client = None
    if args.kaggle:
        from goods.submit.kaggle_site import kaggle_client, upload

        client = kaggle_client()
    path = submit(ws, competition, args.experiment, args.out, args.note or args.message or "", args.keep)
    metric, score, _ = overall(ws, competition, args.experiment)
    print(f"{path} {metric}={score:.4f}")
    if client is not None:
        print(upload(client, path, args.kaggle, args.message or f"{args.experiment} {metric} {score:.4f}"))


if __name__ == "__main__":
    cli.run(main)
