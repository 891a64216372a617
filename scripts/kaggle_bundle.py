"""A finished experiment as a Kaggle dataset with wheels and weights, and a notebook that predicts without a network."""

from pathlib import Path

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(
        __doc__, ".venv/bin/python scripts/kaggle_bundle.py kazanexpress2023 stack --out kaggle"
    )
    cli.add_finished(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="an empty or a new folder")
    parser.add_argument(
        "--wheels", type=Path, metavar="DIR", help="wheels to take, instead of asking an index"
    )
    parser.add_argument("--user", default="USERNAME", help="whose dataset and notebook it will be")
    parser.add_argument(
        "--slug", help="name of the contest in its address, to have its files in the notebook"
    )
    args = parser.parse_args()

    from functools import partial

    from goods.core.errors import GoodsError
    from goods.submit.bundle import Bundle, make_bundle
    from goods.submit.wheels import fetch

    cli.check_writable(args.out)
    if args.wheels is not None and not args.wheels.is_dir():
        raise GoodsError(f"--wheels {args.wheels}: no such folder; name that of the wheels, or leave it out")
    checkout = cli.CHECKOUT if cli.ROOT == cli.CHECKOUT else None
    wheels = partial(fetch, checkout=checkout, local=args.wheels)
    bundle = Bundle(args.out, args.user, args.slug)
    sizes = make_bundle(bundle, *cli.competition_of(args), args.experiment, cli.CONFIGS, wheels)
    for name, size in sizes.items():
        print(f"{size / 2**20:>9.1f} MB  {name}")
    print(args.out)


if __name__ == "__main__":
    cli.run(main)
