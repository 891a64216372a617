"""Why this category, or why the same product: the reasons a finished stack has (SHAP values for CatBoost).

Of a card its first candidates are explained; in a matching competition two products are one pair.
"""

import interpreter

with interpreter.Ready():
    from goods import cli


def main() -> None:
    parser = cli.parser(__doc__, ".venv/bin/python scripts/explain.py kazanexpress2023 stack 1997646")
    cli.add_competition(parser)
    parser.add_argument("experiment", help="name of a finished stack, for example stack")
    parser.add_argument("product_id", nargs="+", help="train or test cards; of a pair its two products")
    parser.add_argument("--most", type=int, default=8, help="reasons per candidate (default: 8)")
    args = parser.parse_args()

    from goods.core.errors import GoodsError
    from goods.report.explaining import explain

    if args.most < 1:
        raise GoodsError(f"--most {args.most}: expected 1 or more")
    ws, competition = cli.competition_of(args)
    print(explain(ws, competition, args.experiment, args.product_id, args.most))


if __name__ == "__main__":
    cli.run(main)
