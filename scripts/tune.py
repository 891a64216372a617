"""Optuna over an experiment's tune: block; run it again to resume, several times at once for more workers."""

try:
    from goods import cli
except ModuleNotFoundError:
    import interpreter

    interpreter.give_way()


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/tune.py configs/kazanexpress2023/linear.yaml")
    cli.add_experiment(parser)
    parser.add_argument(
        "--storage",
        metavar="URL|journal",
        help="what machines share a study in: a database, or journal, a file of the work folder (default with Ray)",
    )
    cli.add_executor(parser)
    args = parser.parse_args()

    from goods.core.locks import working
    from goods.tune.stage import tune

    ws, competition, config = cli.experiment_of(args)
    with working(ws, alone=False, wait=args.wait), cli.executing(args.executor, args.address, args.work):
        tune(ws, competition, config, args.force, args.storage)


if __name__ == "__main__":
    cli.run(main)
