"""Train the text and image encoders of a contrastive experiment on all cards, labels unused; resumable."""

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(
        __doc__,
        ".venv/bin/python scripts/pretrain.py configs/kazanexpress2023/clip.yaml",
        force=True,
        wait=True,
    )
    cli.add_experiment(parser)
    args = parser.parse_args()

    from goods.core.locks import working
    from goods.core.workspace import Workspace
    from goods.train.pretraining import pretrain

    cli.check_writable(args.work)
    config = cli.load_config(args)
    ws = Workspace(args.work, config.competition)
    with working(ws, alone=False, wait=args.wait):
        print(pretrain(ws, config, args.force))


if __name__ == "__main__":
    cli.run(main)
