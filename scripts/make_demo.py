"""Generate demo raw files of any size into a folder, in the format of KazanExpress 2023 or of Ozon's matching 2023."""

import interpreter

with interpreter.Ready():
    from pathlib import Path

    from goods import cli

ROWS = {"kazanexpress2023": 6000, "ozon": 3000}
SHAPES = ("narrow", "wide", "flat")


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/make_demo.py demo-files --rows 2000")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--format", choices=list(ROWS), default="kazanexpress2023")
    parser.add_argument(
        "--rows",
        type=int,
        help="train cards (default: 6000), of ozon train pairs (3000); a fifth more for test",
    )
    parser.add_argument("--classes", type=int, default=80, help="leaves of the category tree, 60 or more")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument(
        "--shape",
        choices=SHAPES,
        default="narrow",
        help="wide: texts, class sizes and tree like a real contest's; flat: no inner nodes (not of ozon)",
    )
    parser.add_argument(
        "--photos", type=int, metavar="N", help="of N train cards only; a fifth more for test"
    )
    parser.add_argument("--no-images", action="store_true")
    args = parser.parse_args()

    from goods.demo import generator as demo
    from goods.demo import offers as demo_offers

    rows = ROWS[args.format] if args.rows is None else args.rows
    if args.format == "ozon":
        demo_offers.generate(args.folder, rows, args.seed)
    else:
        images = not args.no_images
        demo.generate(args.folder, rows, args.classes, args.seed, images, args.shape, args.photos)
    print(args.folder)


if __name__ == "__main__":
    cli.run(main)
