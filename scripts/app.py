"""Ask a finished experiment in the browser: of a card, of two products, of a file. Needs the package gradio."""

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/app.py kazanexpress2023 stack --port 7860")
    cli.add_finished(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (default: this machine alone)"
    )
    parser.add_argument("--port", type=int, default=7860, help="port (default: 7860)")
    args = parser.parse_args()

    from goods.app.page import page_of
    from goods.app.serving import check_address, serve

    check_address(args.host, args.port)
    serve(page_of(*cli.competition_of(args), args.experiment), args.host, args.port)


if __name__ == "__main__":
    cli.run(main)
