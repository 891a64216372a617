"""Delete what can be made again of a competition's work folder; without an option, only say what there is."""

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/clean.py kazanexpress2023 --caches", wait=True)
    parser.add_argument("competition", type=cli.competition_name, help="a folder of the work folder")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--caches", dest="portion", action="store_const", const="caches", help="lemmas, embeddings"
    )
    which.add_argument(
        "--runs", dest="portion", action="store_const", const="runs", help="trained experiments"
    )
    which.add_argument(
        "--all", dest="portion", action="store_const", const="all", help="prepared cards, folds too"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    args = parser.parse_args()

    from goods.core.errors import GoodsError
    from goods.core.locks import working
    from goods.core.wording import size
    from goods.core.workspace import Workspace
    from goods.upkeep.cleaning import PORTIONS, remove

    ws = Workspace(args.work, args.competition.partition("/")[0])
    if not ws.path.is_dir():
        raise GoodsError(f"{ws.path}: no such folder, there is nothing to clean; name another by --work")
    for portion in PORTIONS.values():
        print(f"--{portion.name:<7} {size(portion.size(ws)):>10}  {portion.costs}")
    if args.portion is None:
        return
    portion = PORTIONS[args.portion]
    if not args.yes and not cli.agreed(f"delete {size(portion.size(ws))} of {ws.path} ({portion.name})?"):
        print("nothing is deleted")
        return
    with working(ws, alone=True, wait=args.wait):
        remove(ws, portion)
    print(f"deleted: {portion.name}")


if __name__ == "__main__":
    cli.run(main)
