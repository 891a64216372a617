"""What frozen embeddings are worth: neighbours, linear probes, zero-shot, retrieval and clusters, in one report."""

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    example = ".venv/bin/python scripts/probe.py kazanexpress2023 navec image-frozen clip"
    parser = cli.parser(__doc__, example, wait=True)
    cli.add_competition(parser)
    parser.add_argument(
        "experiments",
        nargs="*",
        default=["navec", "image-frozen", "clip"],
        help="names of frozen experiments",
    )
    cli.add_out(parser)
    parser.add_argument("--no-maps", action="store_true", help="without the maps, which take UMAP a while")
    cli.add_weights(parser)
    args = parser.parse_args()

    from goods.core.locks import working
    from goods.report.probing import probe

    ws, competition = cli.competition_of(args)
    cli.check_writable(args.out)
    configs = cli.named_experiments(args, ws.whole.competition)
    with working(ws, alone=False, wait=args.wait):
        print(probe(ws, competition, configs, args.out, not args.no_maps))


if __name__ == "__main__":
    cli.run(main)
