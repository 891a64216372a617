"""Train a small, fast student of a finished experiment: predict.py then takes it as any other."""

from pathlib import Path

import interpreter

with interpreter.Ready():
    from goods import cli
    from goods.core.errors import GoodsError
    from goods.core.workspace import experiment_name


def main() -> None:
    example = ".venv/bin/python scripts/distil.py kazanexpress2023 stack --unlabelled more_cards.parquet"
    parser = cli.parser(__doc__, example, force=True, wait=True)
    cli.add_competition(parser)
    parser.add_argument(
        "experiment",
        nargs="?",
        default="stack",
        help="name of the finished run to learn from (default: stack)",
    )
    parser.add_argument(
        "--name",
        type=experiment_name,
        default="student",
        help="of the student: configs/<competition>/NAME.yaml (default: student)",
    )
    parser.add_argument(
        "--unlabelled", type=Path, metavar="FILE", help="further cards like test.parquet, labelled first"
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="photos of the unlabelled cards")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override a config key")
    args = parser.parse_args()

    from goods.competitions.frames import configs_of
    from goods.config.loading import load_experiment
    from goods.core.folders import check_writable
    from goods.core.locks import working
    from goods.submit.distillation import distil

    check_writable(args.work)
    ws, competition = cli.competition_of(args)
    path = (
        configs_of(args.work, args.competition, cli.CONFIGS)
        / args.competition.partition("/")[0]
        / f"{args.name}.yaml"
    )
    config = load_experiment(path, args.set)
    if config.model.taught_by is not None:
        if args.experiment == config.name:
            raise GoodsError(
                f"experiment {config.name}: is to learn from itself; name the run it learns from, such as stack, or "
                "another student with --name"
            )
        config = load_experiment(path, [*args.set, f"model.teacher={args.experiment}"])
    with working(ws, alone=False, wait=args.wait):
        distil(ws, competition, config, args.unlabelled, args.images, args.force)


if __name__ == "__main__":
    cli.run(main)
