"""What of a competition is done, stale and why, unfinished or missing, and the disk it takes; nothing is changed."""

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    from goods.config.presets import PRESETS

    parser = cli.parser(__doc__, ".venv/bin/python scripts/status.py kazanexpress2023")
    parser.add_argument("competition", type=cli.competition_name, help="a folder of configs/")
    parser.add_argument(
        "--preset", choices=sorted(PRESETS), help="default: that of the last run_all.sh, else quick"
    )
    cli.add_weights(parser)
    args = parser.parse_args()

    from goods.competitions.frames import configs_of
    from goods.core.folders import disk_used
    from goods.core.last_run import CHOSEN
    from goods.core.wording import size
    from goods.presets import Options
    from goods.upkeep.status import chosen_last, status

    args.competition = args.competition.partition("/")[0]
    ws, competition = cli.competition_of(args)
    cli.check_weights(args)
    configs = configs_of(args.work, args.competition, cli.CONFIGS)
    given = {name: getattr(args, name) for name in CHOSEN if getattr(args, name, None)}
    chosen = chosen_last(ws) | given
    states = status(ws, competition, Options(configs, args.work, args.work, **chosen))
    width = max(len(state.name) for state in states)
    for state in states:
        print(f"{state.word:<10} {state.name:<{width}} {size(state.size):>10}  {state.why}".rstrip())
    print(f"{ws.path}: {size(disk_used(ws.path))}, of which caches {size(disk_used(ws.cache))}")


if __name__ == "__main__":
    cli.run(main)
