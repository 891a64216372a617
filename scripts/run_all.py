"""The main job: raw cards in, submissions/<competition>/result.parquet out. Resumes where it was stopped."""

import interpreter

with interpreter.Ready():
    from argparse import Namespace
    from pathlib import Path

    from goods import cli


def main() -> None:
    from goods.config.presets import PRESETS, USUAL

    parser = cli.parser(__doc__, "bash scripts/run_all.sh kazanexpress2023 --data DIR", force=True, wait=True)
    parser.add_argument(
        "competition",
        type=cli.competition_name,
        nargs="?",
        default="demo",
        help="a folder of configs/ (default: demo)",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the raw files")
    cli.add_out(parser)
    parser.add_argument("--preset", choices=sorted(PRESETS), default=USUAL)
    parser.add_argument(
        "--refit", action="store_true", help="test cards get models fitted on all folds, not the folds' mean"
    )
    parser.add_argument("--time-limit", metavar="TIME", help="such as 15m: what does not fit is left out")
    parser.add_argument("--memory-limit", metavar="SIZE", help="such as 6G, of all processes together")
    parser.add_argument("--workers", metavar="N", help="processes side by side at most; changes no result")
    cli.add_executor(parser)
    cli.add_weights(parser)
    args = parser.parse_args()

    from goods.budget.limits import budget
    from goods.competitions.frames import configs_of
    from goods.core.deadline import process_began
    from goods.pipeline import run_all
    from goods.presets import Options

    cli.check_weights(args)
    values = vars(args)
    within = budget(values.pop("time_limit"), values.pop("memory_limit"), values.pop("workers"))
    name = values.pop("competition")
    configs = configs_of(args.work, name, cli.CONFIGS)
    with cli.executing(values.pop("executor"), values.pop("address"), args.work):
        line = run_all(name, Options(configs=configs, budget=within, began=process_began(), **values))
    tell_next(args, name, configs)
    print(line)


def tell_next(args: Namespace, name: str, configs: Path) -> None:
    from goods.competitions.loading import load_competition
    from goods.config.presets import PRESETS
    from goods.core.log import say
    from goods.core.workspace import Workspace
    from goods.report.summary import next_commands

    ws, competition = Workspace(args.work, name), load_competition(name, configs)
    commands = next_commands(ws, competition, Path(PRESETS[args.preset]).stem)
    say("\n".join(["next:", *(f"  {command}" for command in commands)]))


if __name__ == "__main__":
    cli.run(main)
