"""Raw files of a competition → work/<competition>/prepared/."""

from pathlib import Path

from goods import cli
from goods.competitions.loading import load_competition
from goods.core.workspace import Workspace
from goods.prepare.stage import prepare


def main() -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("competition")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the raw files")
    args = parser.parse_args()
    ws = Workspace(args.work, args.competition).whole  # of a target all are prepared
    prepare(ws, load_competition(ws.competition, cli.CONFIGS), args.data, args.force)


if __name__ == "__main__":
    cli.run(main)
