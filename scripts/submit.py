"""Write submissions/<competition>/result.parquet from a finished experiment; prints its score."""

from goods import cli
from goods.submit.stage import overall, submit


def main() -> None:
    parser = cli.parser(__doc__)
    cli.add_finished(parser)
    args = parser.parse_args()
    ws, competition = cli.competition_of(args)
    cli.check_writable(args.out)
    path = submit(ws, competition, args.experiment, args.out)
    metric, score, _ = overall(ws, competition, args.experiment)
    print(f"{path} {metric}={score:.4f}")


if __name__ == "__main__":
    cli.run(main)
