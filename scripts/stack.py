"""CatBoost on the out-of-fold predictions of trained experiments, against their blend."""

from goods import cli
from goods.core.locks import working
from goods.stack.stage import stack


def main() -> None:
    parser = cli.parser(__doc__)
    cli.add_experiment(parser)
    args = parser.parse_args()
    ws, competition, config = cli.experiment_of(args)
    with working(ws, alone=False, wait=args.wait):
        stack(ws, competition, config, args.force)


if __name__ == "__main__":
    cli.run(main)
