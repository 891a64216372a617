"""Optuna over an experiment's tune: block; run it again to resume, several times at once for more workers."""

from goods import cli
from goods.core.locks import working
from goods.tune.stage import tune


def main() -> None:
    parser = cli.parser(__doc__)
    cli.add_experiment(parser)
    parser.add_argument(
        "--storage", metavar="URL", help="study database shared by machines (default: a file)"
    )
    args = parser.parse_args()
    ws, competition, config = cli.experiment_of(args)
    with working(ws, alone=False, wait=args.wait):
        tune(ws, competition, config, args.force, args.storage)


if __name__ == "__main__":
    cli.run(main)
