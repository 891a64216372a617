"""The main job: raw cards in, submissions/<competition>/result.parquet out. Resumes where it was stopped."""

from pathlib import Path

try:
    from goods import cli
except ModuleNotFoundError:
    import interpreter

    interpreter.give_way()


def main() -> None:
    from goods.config.presets import PRESETS

    parser = cli.parser(__doc__, "bash scripts/run_all.sh kazanexpress2023 --data DIR")
    parser.prog = "run_all.sh"
    parser.add_argument("competition", nargs="?", default="demo", help="a folder of configs/ (default: demo)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the raw files")
    cli.add_out(parser)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="quick")
    parser.add_argument(
        "--refit", action="store_true", help="test cards get models fitted on all folds, not the folds' mean"
    )
    cli.add_weights(parser)
    args = parser.parse_args()

    from goods.pipeline import Options, run_all

    cli.check_weights(args)
    values = {name: value for name, value in vars(args).items() if name != "competition"}
    print(run_all(args.competition, Options(configs=cli.CONFIGS, **values)))


if __name__ == "__main__":
    cli.run(main)
