"""Which classes are taken for which: pairs, branches of the tree, and how far off an error is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from goods.core.wording import count
from goods.report.figures import new_figure, plain_label, svg
from goods.report.judged import Judged

BRANCHES, CHILDREN = 6, 12  # heat maps, and children of a node that one shows
LABEL = 28  # characters of a name on a heat map
NAMES = 9  # their size, points
OTHERS = "(others)"


def frequent_confusions(judged: Judged, most: int = 25) -> list[tuple[str, str, int]]:
    wrong = pd.DataFrame({"true": judged.target, "predicted": judged.predicted})[~judged.right]
    counts = wrong.value_counts().head(most).reset_index()
    return [
        (judged.names[t], judged.names[p], n)
        for t, p, n in zip(*(counts[c].tolist() for c in ("true", "predicted", "count")), strict=True)
    ]


def distance_rows(judged: Judged) -> list[dict[str, Any]]:
    """Errors by how many nodes, of the true path, the submitted one shares: a near miss shares all but the leaf."""
    wrong = ~judged.right
    depth = np.array([len(path) for path in judged.labels.nodes])[judged.target[wrong]]
    missed = depth - judged.shared_depth[wrong]
    names = {1: "sibling: only the leaf is wrong", 2: "cousin: the parent is wrong too"}
    total = max(1, int(wrong.sum()))
    return [
        {"name": names.get(m, f"{m} levels are wrong"), "cards": n, "share": n / total}
        for m, n in zip(*(v.tolist() for v in np.unique(missed.clip(1), return_counts=True)), strict=True)
    ]


def branch_maps(judged: Judged) -> list[tuple[str, Markup]]:
    """(caption, heat map) of the nodes under which most errors part from the truth."""
    wrong = np.flatnonzero(~judged.right)
    paths, names = judged.labels.nodes, judged.labels.paths
    parted: dict[tuple[str, ...], list[int]] = {}
    for i in wrong:
        parted.setdefault(paths[judged.target[i]][: judged.shared_depth[i]], []).append(int(i))
    largest = sorted(parted.items(), key=lambda item: (-len(item[1]), item[0]))[:BRANCHES]
    drawn = []
    for number, (node, cards) in enumerate(largest):
        depth = len(node)
        name = " → ".join(names[judged.target[cards[0]]][:depth]) or "the root"
        caption = f"{name}: {count(len(cards), 'error')} among its children"
        drawn.append((caption, heat_map(judged, node, cards, f"branch-{number}")))
    return drawn


def heat_map(judged: Judged, node: tuple[str, ...], cards: list[int], name: str) -> Markup:
    """Errors among the children of a node: rows are true, columns submitted, the children with most errors first."""
    depth, labels = len(node), judged.labels

    def child(c: int) -> str:
        return labels.paths[c][min(depth, len(labels.paths[c]) - 1)]

    true = pd.Series([child(c) for c in judged.target[cards].tolist()])
    said = pd.Series([child(c) for c in judged.predicted[cards].tolist()])
    often = pd.concat([true, said]).value_counts()
    shown = sorted(often.index, key=lambda label: (-often[label], label))[:CHILDREN]
    order = [*shown, OTHERS] if len(often) > len(shown) else shown
    counts = pd.crosstab(true.where(true.isin(shown), OTHERS), said.where(said.isin(shown), OTHERS))
    grid = counts.reindex(index=order, columns=order, fill_value=0).to_numpy()
    figure, axis = new_figure(2.6 + 0.34 * len(order), 2.2 + 0.26 * len(order))
    axis.pcolormesh(grid, cmap="Blues", vmin=0, edgecolors="#8884", linewidth=0.4)
    for (row, column), errors in np.ndenumerate(grid):
        if errors:
            dark = errors > 0.55 * grid.max()
            axis.text(
                column + 0.5,
                row + 0.5,
                str(errors),
                ha="center",
                va="center",
                fontsize=NAMES,
                color="white" if dark else "black",
            )
    ticks = [plain_label(label if len(label) <= LABEL else label[: LABEL - 1] + "…") for label in order]
    axis.set_xticks(np.arange(len(order)) + 0.5, ticks, rotation=60, ha="right", fontsize=NAMES)
    axis.set_yticks(np.arange(len(order)) + 0.5, ticks, fontsize=NAMES)
    axis.invert_yaxis()
    axis.set(xlabel="submitted", ylabel="true")
    return svg(figure, name)
