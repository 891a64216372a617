"""Why this category, or why the same product: the reasons a finished stack has (SHAP values for CatBoost).

Of a card its first candidates are explained; in a matching competition two products are one pair.
"""

from goods import cli
from goods.cards.table import load_cards
from goods.config.loading import load_competition
from goods.core.workspace import Workspace
from goods.report.explaining import as_text, explain
from goods.report.pair_explaining import explain_pair


def main() -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("competition")
    parser.add_argument("experiment", help="name of a finished stack, for example stack")
    parser.add_argument(
        "product_id", type=int, nargs="+", help="train or test cards; of a pair its two products"
    )
    parser.add_argument("--most", type=int, default=8, help="reasons per candidate (default: 8)")
    args = parser.parse_args()
    ws = Workspace(args.work, args.competition)
    competition = load_competition(args.competition, cli.CONFIGS)
    if ws.pairs.is_file():
        explained = explain_pair(ws, competition, args.experiment, args.product_id)
        titles = load_cards(ws).set_index("product_id").title.reindex(args.product_id).fillna("")
        pair = " – ".join(map(str, args.product_id))
        print(as_text(pair, " | ".join(titles), [explained], args.most))
        return
    explained = explain(ws, competition, args.experiment, args.product_id)
    titles = load_cards(ws).set_index("product_id").title
    for product_id, candidates in explained.items():
        print(as_text(product_id, titles[product_id], candidates, args.most))


if __name__ == "__main__":
    cli.run(main)
