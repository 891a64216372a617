"""Generate demo raw files of any size into a folder, in the format of KazanExpress 2023 or of Ozon's matching 2023."""

import interpreter

with interpreter.Ready():
    import argparse
    from pathlib import Path

    from goods import cli
    from goods.core.errors import GoodsError

ROWS = {"kazanexpress2023": 6000, "ozon": 3000}
CLASSES = 80
SHAPES = ("narrow", "wide", "flat")


def refuse(args: argparse.Namespace) -> None:
    """GoodsError where something is asked of offers that only a shop has."""
    for name in ("shape", "classes", "photos", "no_images", "unlabelled"):
        if args.format == "ozon" and getattr(args, name) not in (None, False):
            option = f"--{name.replace('_', '-')}"
            raise GoodsError(
                f"{option}: not of --format ozon, whose offers have no tree and no photos; leave it out"
            )


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/make_demo.py demo-files --rows 2000")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--format", choices=list(ROWS), default="kazanexpress2023")
    parser.add_argument(
        "--rows",
        type=int,
        help="train cards (default: 6000), of ozon train pairs (3000); a fifth more for test",
    )
    parser.add_argument("--classes", type=int, help="leaves of the category tree (default: 80), not of ozon")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument(
        "--shape",
        choices=SHAPES,
        help="narrow (the default), wide: texts, class sizes and tree like a real contest's, or flat: no inner nodes; "
        "not of ozon",
    )
    parser.add_argument(
        "--photos", type=int, metavar="N", help="of N train cards only; a fifth more for test; not of ozon"
    )
    parser.add_argument("--no-images", action="store_true", help="not of ozon")
    parser.add_argument(
        "--unlabelled",
        type=int,
        metavar="N",
        help="further cards like those of test, without photos, in unlabelled.parquet; not of ozon",
    )
    args = parser.parse_args()

    from goods.demo import generator as demo
    from goods.demo import offers as demo_offers

    refuse(args)
    rows = ROWS[args.format] if args.rows is None else args.rows
    if args.seed < 0:
        raise GoodsError(f"--seed {args.seed}: expected 0 or more")
    if args.format == "ozon":
        demo_offers.generate(args.folder, rows, args.seed)
    else:
        images = not args.no_images
        classes, shape = args.classes if args.classes is not None else CLASSES, args.shape or SHAPES[0]
        further = args.unlabelled or 0
        demo.generate(args.folder, rows, classes, args.seed, images, shape, args.photos, further)
    print(args.folder)


if __name__ == "__main__":
    cli.run(main)
