"""Whether the order of ids or of rows tells the class: neighbours of one class among the train cards, beside chance.

Tables are often written class by class or shop by shop. A board may reward who reads that off the ids; a marketplace,
where a new card gets the next id there is, never will.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

IDS, ROWS = "ids", "rows"
POINTS = 0.05  # above the share expected by chance that matters
ERRORS = 5.0  # standard errors within which a difference is chance
FEWEST = 30  # cards below which nothing is said


def order_of(classes: dict[str, pd.Series]) -> list[dict[str, Any]]:
    """Of each target's classes (indexed by id, in the order of the file) and each order of the cards: the share of
    neighbours that are of one class (`same`), that expected by chance, and whether it is far above."""
    found = []
    for target, known in classes.items():
        by = {IDS: known.sort_index(kind="stable"), ROWS: known}
        for order, series in by.items():
            codes = pd.factorize(series.to_numpy())[0]
            if len(codes) >= FEWEST:
                found.append({"target": target, "order": order, **neighbours(codes)})
    return found


def neighbours(codes: np.ndarray) -> dict[str, Any]:
    """`same`, `chance` and `tells` of classes int [n] in some order. The standard error is that of the cards shuffled,
    where two pairs of neighbours that share a card are not independent."""
    n, sizes = len(codes), np.bincount(codes).astype(np.float64)
    chance = float((sizes * (sizes - 1)).sum() / (n * (n - 1)))
    three = float((sizes * (sizes - 1) * (sizes - 2)).sum() / (n * (n - 1) * (n - 2)))
    error = np.sqrt(max(0.0, chance * (1 - chance) + 2 * (three - chance**2)) / (n - 1))
    same = float((codes[1:] == codes[:-1]).mean())
    tells = same > chance + max(POINTS, ERRORS * error)
    return {"same": round(same, 6), "chance": round(chance, 6), "tells": bool(tells)}


def told(orders: list[dict[str, Any]]) -> list[str]:
    """A line for each target whose classes an order tells: ids before rows, which often are in the same order."""
    several, lines = len({found["target"] for found in orders}) > 1, {}
    for found in orders:
        if not found["tells"] or found["target"] in lines:
            continue
        of = f" of {found['target']}" if several else ""
        by_ids = found["order"] == IDS
        what = "ids" if by_ids else "rows in the train file"
        lines[found["target"]] = (
            f"the order of {what} tells the class{of}: {100 * found['same']:.1f} % of neighbours are of one class, "
            f"{100 * found['chance']:.1f} % by chance; that comes from how the table was made, new products will not "
            f"have it; nothing looks at it{' unless id_order is set in a stack' if by_ids else ''}"
        )
    return list(lines.values())


def telling(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All orders of the targets whose classes one of them tells."""
    targets = {found["target"] for found in orders if found["tells"]}
    return [found for found in orders if found["target"] in targets]
