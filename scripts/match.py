"""Which cards of a file are the same product: candidate pairs, their scores and groups."""

import interpreter

with interpreter.Ready():
    from pathlib import Path

    from goods import cli


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/match.py cards.parquet --out groups")
    parser.add_argument(
        "cards", type=Path, help="parquet or csv: product_id|variantid|nm|id, title|name; or a contest's"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: matched-<name> beside the file")
    parser.add_argument(
        "--threshold",
        type=float,
        help="least score of a match (default: that of a pair as likely right as wrong)",
    )
    parser.add_argument(
        "--neighbours",
        type=int,
        help="of each card by title (default: 12; 0: none, only cards that share words or codes are compared)",
    )
    parser.add_argument("--max-group", type=int, help="most different cards of a group (default: 50)")
    parser.add_argument("--truth", metavar="COLUMN", help="column of known identities, to report on")
    parser.add_argument(
        "--competition", type=cli.competition_name, help="whose experiment (default: ozon), or whose columns"
    )
    parser.add_argument("--experiment", metavar="NAME", help="a trained scorer instead of the hand-made one")
    args = parser.parse_args()

    from goods.core.workspace import check_outside
    from goods.submit.catalogue import check_named, match_file
    from goods.submit.pairs import expecting_of, trained_scorer

    out = args.out or args.cards.with_name(f"matched-{args.cards.stem}")
    if args.out:
        check_named(args.out)
    check_outside(args.work, out, "folder")
    cli.check_writable(out)
    scorer = expecting = competition = None
    if args.competition:
        competition = cli.competition_named(args.competition, args.work)
    if args.experiment:
        args.competition = args.competition or "ozon"
        ws, whose = cli.competition_of(args)
        scorer = trained_scorer(ws, whose, args.experiment, args.cards)
        expecting = expecting_of(ws)
    settings = {"threshold": args.threshold}
    if args.max_group is not None:
        settings["max_group"] = args.max_group
    if args.neighbours is not None:
        settings["blocking"] = {"neighbours": args.neighbours}
    match_file(args.cards, out, settings, args.truth, scorer, expecting, competition)
    print(out)


if __name__ == "__main__":
    cli.run(main)
