"""CatBoost on the out-of-fold predictions of trained experiments, against their blend."""

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(
        __doc__,
        ".venv/bin/python scripts/stack.py configs/kazanexpress2023/stack.yaml",
        force=True,
        wait=True,
    )
    cli.add_experiment(parser)
    cli.add_ledger(parser)
    args = parser.parse_args()

    from goods.core.locks import working
    from goods.stack.stage import stack

    ws, competition, config = cli.experiment_of(args)
    with working(ws, alone=False, wait=args.wait):
        finished = stack(ws, competition, config, args.force)
    from goods.submit.entries import record_experiment

    record_experiment(ws, competition, config.name, cli.ledger_folder(args), anew=finished)


if __name__ == "__main__":
    cli.run(main)
