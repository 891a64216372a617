"""What frozen embeddings are worth: neighbours, linear probes, zero-shot, retrieval and clusters, in one report."""

from pathlib import Path

from goods import cli
from goods.competitions.loading import load_competition
from goods.core.workspace import Workspace
from goods.report.probing import probe


def main() -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("competition", help="a folder of configs/, or folder/target for one attribute")
    parser.add_argument(
        "experiments",
        nargs="*",
        default=["navec", "image-frozen", "clip"],
        help="names of frozen experiments",
    )
    parser.add_argument("--out", type=Path, default=cli.ROOT / "submissions", help="default: submissions")
    parser.add_argument("--no-maps", action="store_true", help="without the maps, which take UMAP a while")
    cli.add_weights(parser)
    args = parser.parse_args()
    competition = load_competition(args.competition, cli.CONFIGS)
    ws = Workspace(args.work, args.competition)
    configs = cli.named_experiments(args, ws.whole.competition)
    print(probe(ws, competition, configs, args.out, not args.no_maps))


if __name__ == "__main__":
    cli.run(main)
