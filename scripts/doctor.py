"""Versions, cores, memory, disk, GPU, packages and weights: what there is, and what will not work and why.

Exit code 1 where no run can work.
"""

import sys

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/doctor.py")
    args = parser.parse_args()

    from goods.upkeep.machine import WRONG, examined

    wrong = False
    for found in examined(args.work):
        print(f"{found.word:<6} {found.what:<14} {found.said}")
        wrong |= found.word == WRONG
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    cli.run(main)
