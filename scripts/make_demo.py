"""Generate demo raw files (KazanExpress 2023 format) of any size into a folder."""

from pathlib import Path

from goods import cli
from goods.competitions.demo import generate


def main() -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=6000, help="train cards; a fifth more are test cards")
    parser.add_argument("--classes", type=int, default=80, help="leaves of the category tree, 60 or more")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--no-images", action="store_true")
    args = parser.parse_args()
    generate(args.folder, args.rows, args.classes, args.seed, images=not args.no_images)
    print(args.folder)


if __name__ == "__main__":
    cli.run(main)
