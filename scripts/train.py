"""Train an experiment on every fold, or on the folds given by --fold."""

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(
        __doc__,
        ".venv/bin/python scripts/train.py configs/kazanexpress2023/linear.yaml --fold 2",
        force=True,
        wait=True,
    )
    cli.add_experiment(parser)
    parser.add_argument(
        "--fold", type=int, action="append", metavar="K", help="only this fold (may be repeated)"
    )
    cli.add_ledger(parser)
    cli.add_executor(parser)
    args = parser.parse_args()

    from goods.budget.disk import check_training
    from goods.core.done import done_key
    from goods.core.errors import GoodsError
    from goods.core.locks import working
    from goods.train.repeats import train_repeats
    from goods.train.stage import train

    ws, competition, config = cli.experiment_of(args)
    if config.model.second_level:
        raise GoodsError(f"{args.experiment}: of a stack; run scripts/stack.py {args.experiment}")
    with working(ws, alone=False, wait=args.wait), cli.executing(args.executor, args.address, args.work):
        if args.fold is None:
            check_training(ws, competition, config)
        finished = train(ws, competition, config, args.fold, args.force)
        repeats = train_repeats(ws, competition, config, args.force) if args.fold is None else None
    if done_key(ws.run(config.name).path) is not None:
        from goods.submit.entries import record_experiment

        anew = finished or (repeats is not None and repeats["anew"])
        record_experiment(ws, competition, config.name, cli.ledger_folder(args), repeats, anew)


if __name__ == "__main__":
    cli.run(main)
