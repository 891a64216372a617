"""Write submissions/<competition>/result.parquet from a finished experiment; prints its score."""

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/submit.py kazanexpress2023 stack")
    cli.add_finished(parser)
    args = parser.parse_args()

    from goods.submit.stage import overall, submit

    ws, competition = cli.competition_of(args)
    cli.check_writable(args.out)
    path = submit(ws, competition, args.experiment, args.out)
    metric, score, _ = overall(ws, competition, args.experiment)
    print(f"{path} {metric}={score:.4f}")


if __name__ == "__main__":
    cli.run(main)
