"""CatBoost on the out-of-fold predictions of trained experiments, against their blend."""

from goods import cli
from goods.artifacts import Workspace
from goods.stacking import stack


def main() -> None:
    parser = cli.parser(__doc__)
    cli.add_experiment(parser)
    args = parser.parse_args()
    competition, config = cli.experiment_of(args)
    stack(Workspace(args.work, config.competition), competition, config, args.force)


if __name__ == "__main__":
    cli.run(main)
