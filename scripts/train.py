"""Train an experiment on every fold, or on the folds given by --fold."""

from goods import cli
from goods.core.errors import GoodsError
from goods.core.locks import working
from goods.train.stage import train


def main() -> None:
    parser = cli.parser(__doc__)
    cli.add_experiment(parser)
    parser.add_argument(
        "--fold", type=int, action="append", metavar="K", help="only this fold (may be repeated)"
    )
    args = parser.parse_args()
    ws, competition, config = cli.experiment_of(args)
    if config.model.second_level:
        raise GoodsError(f"{args.experiment}: a stack is trained by scripts/stack.py")
    with working(ws, alone=False, wait=args.wait):
        train(ws, competition, config, args.fold, args.force)


if __name__ == "__main__":
    cli.run(main)
