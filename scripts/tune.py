"""Optuna over an experiment's tune: block; run it again to resume, several times at once for more workers."""

import time

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(
        __doc__,
        ".venv/bin/python scripts/tune.py configs/kazanexpress2023/linear.yaml",
        force=True,
        wait=True,
    )
    cli.add_experiment(parser)
    parser.add_argument(
        "--storage",
        metavar="URL|journal",
        help="what machines share a study in: a database, or journal, a file of the work folder (default with Ray)",
    )
    cli.add_ledger(parser)
    cli.add_executor(parser)
    args = parser.parse_args()

    from goods.core.done import done_key
    from goods.core.locks import working
    from goods.tune.stage import tune

    started = time.perf_counter()
    ws, competition, config = cli.experiment_of(args)
    with working(ws, alone=False, wait=args.wait), cli.executing(args.executor, args.address, args.work):
        finished = tune(ws, competition, config, args.force, args.storage)
    if done_key(ws.tuning(config.name)) is not None:
        from goods.submit.entries import record_study

        seconds = time.perf_counter() - started
        record_study(ws, competition, config, cli.ledger_folder(args), seconds, finished)


if __name__ == "__main__":
    cli.run(main)
