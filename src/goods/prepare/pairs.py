"""Pairs as a reader found them → prepared/.

writes: prepared/ cards.parquet raw_text.parquet pairs.parquet vectors.npz labels.json issues.parquet door.json
        source.json DONE
"""

from __future__ import annotations

from goods.cards.labels import Labels
from goods.cards.rawtext import normalise
from goods.cards.table import COLUMNS
from goods.competitions.raw import RawPairs
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import write_json, write_parquet
from goods.core.done import begin, mark_done
from goods.core.log import say
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.matching.products import MATCHING_COLUMNS, Vectors, save_vectors
from goods.prepare.door import describe, lines
from goods.prepare.sources import Sources
from goods.prepare.unreadable import check_unreadable


def write_pairs(ws: Workspace, config: CompetitionConfig, raw: RawPairs, sources: Sources) -> None:
    key = sources.key()
    record = sources.record({})
    check_unreadable(raw.issues, raw.cards, config)
    raw_text = normalise(raw.cards, raw.issues)
    begin(ws.prepared, key)
    write_parquet(ws.cards, raw.cards[[*COLUMNS, *MATCHING_COLUMNS]])
    write_parquet(ws.raw_text, raw_text.table())
    write_parquet(ws.pairs, raw.pairs)
    vectors = {
        kind: Vectors.of(owner, values, len(raw.cards)) for kind, (owner, values) in raw.embeddings.items()
    }
    save_vectors(ws, vectors)
    Labels([0, 1], [("different",), ("same",)], [("different",), ("same",)]).save(ws)
    write_parquet(ws.issues, raw.issues.table())
    train = raw.pairs[raw.pairs.split == "train"]
    classes = {"pairs": train.set_index("product_id").target}
    door = describe(raw.cards, classes, raw.issues, of_cards=False)
    door["warnings"] += raw.warnings
    write_json(ws.door, door)
    write_json(ws.source, record)
    mark_done(ws.prepared, key)
    have = ", ".join(f"{kind} of {(v.counts > 0).sum()}" for kind, v in vectors.items() if len(v.values))
    say(
        f"prepare: {len(train)} train and {count(len(raw.pairs) - len(train), 'test pair')} of "
        f"{count(len(raw.cards), 'product')}, {(train.target == 1).mean():.1%} of the train pairs match, "
        f"{count(train.category.nunique(), 'category', 'categories')}, "
        f"embeddings: {have or 'none'}, {count(len(raw.issues.rows), 'input problem')} noted in {ws.issues}"
    )
    say(f"prepare: {raw_text}")
    for line in lines(door, of="pair"):
        say(line)
