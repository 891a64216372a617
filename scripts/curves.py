"""Open TensorBoard on the training curves of a competition's networks. Needs the package tensorboard."""

import sys

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/curves.py kazanexpress2023 --port 6006")
    parser.add_argument(
        "competition", type=cli.competition_name, help="a folder of the work folder, or folder/target"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (default: this machine alone)"
    )
    parser.add_argument("--port", type=int, default=6006, help="port (default: 6006)")
    args = parser.parse_args()

    from goods.core.workspace import Workspace
    from goods.upkeep.curves import show

    sys.exit(show(Workspace(args.work, args.competition).curves, args.host, args.port))


if __name__ == "__main__":
    cli.run(main)
