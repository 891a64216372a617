"""Train an experiment on every fold, or on the folds given by --fold."""

try:
    from goods import cli
except ModuleNotFoundError:
    import interpreter

    interpreter.give_way()


def main() -> None:
    parser = cli.parser(
        __doc__, ".venv/bin/python scripts/train.py configs/kazanexpress2023/linear.yaml --fold 2"
    )
    cli.add_experiment(parser)
    parser.add_argument(
        "--fold", type=int, action="append", metavar="K", help="only this fold (may be repeated)"
    )
    cli.add_executor(parser)
    args = parser.parse_args()

    from goods.core.errors import GoodsError
    from goods.core.locks import working
    from goods.train.stage import train

    ws, competition, config = cli.experiment_of(args)
    if config.model.second_level:
        raise GoodsError(f"{args.experiment}: a stack is trained by scripts/stack.py")
    with working(ws, alone=False, wait=args.wait), cli.executing(args.executor, args.address, args.work):
        train(ws, competition, config, args.fold, args.force)


if __name__ == "__main__":
    cli.run(main)
