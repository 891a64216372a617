"""Optuna over an experiment's tune: block; run it again to resume, several times at once for more workers."""

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/tune.py configs/kazanexpress2023/linear.yaml")
    cli.add_experiment(parser)
    parser.add_argument(
        "--storage", metavar="URL", help="study database shared by machines (default: a file)"
    )
    args = parser.parse_args()

    from goods.core.locks import working
    from goods.tune.stage import tune

    ws, competition, config = cli.experiment_of(args)
    with working(ws, alone=False, wait=args.wait):
        tune(ws, competition, config, args.force, args.storage)


if __name__ == "__main__":
    cli.run(main)
