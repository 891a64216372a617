"""Label new cards, given in the competition's test format, with a trained run."""

import interpreter

with interpreter.Ready():
    from pathlib import Path

    from goods import cli


def main() -> None:
    parser = cli.parser(
        __doc__,
        ".venv/bin/python scripts/predict.py kazanexpress2023 stack new_cards.parquet --out labelled.parquet",
    )
    cli.add_competition(parser)
    parser.add_argument("experiment", help="name of a finished run, for example linear or stack")
    parser.add_argument("cards", type=Path, help="parquet or csv file like test.parquet")
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder that holds images/test/<id>.jpg")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".parquet or .csv to write")
    parser.add_argument("--plain", action="store_true", help="in the columns of result.parquet, to submit")
    cli.add_executor(parser)
    args = parser.parse_args()

    from goods.core.log import say
    from goods.core.wording import count
    from goods.submit.prediction import predict_file

    asked = (args.experiment, args.cards, args.images, args.out)
    with cli.executing(args.executor, args.address, args.work):
        n = predict_file(*cli.competition_of(args), *asked, plain=args.plain)
    say(f"predict {args.experiment}: {count(n, 'card')} labelled in {args.out}")


if __name__ == "__main__":
    cli.run(main)
