"""Navec's network reads all fields of a batch's cards at once: the same as field by field, card by card."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import navec_config, toy_cards, toy_context

from goods.cards.ragged import Ragged, distinct
from goods.models.text.navec_model import NavecModel
from goods.models.text.navec_network import POSITIONS, NavecNetwork, NavecRows

HEADS = ("pooled", "attention", "textcnn")


@pytest.mark.parametrize("most", [40, 100_000])
@pytest.mark.parametrize("n", [0, 1, 300])
def test_distinct_numbers_are_those_of_numpy(n, most):
    numbers = np.random.default_rng(n).integers(40, size=n)
    for found, expected in zip(distinct(numbers, most), np.unique(numbers, return_inverse=True), strict=True):
        assert found.dtype == expected.dtype == np.int64
        np.testing.assert_array_equal(found, expected)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=8))
def test_neighbours_are_those_within_a_row(rows):
    ragged = Ragged.of(rows)
    found = ragged.neighbours()
    of_rows = [found.values[a:b] for a, b in pairwise(found.offsets)]
    pairs = [[(int(ragged.values[i]), int(ragged.values[i + 1])) for i in row] for row in of_rows]
    assert pairs == [list(pairwise(row)) for row in rows]


def network(head: str, tmp_path: Path) -> tuple[NavecNetwork, NavecRows]:
    """Of cards some of which have no description, with weights drawn at random."""
    model = NavecModel(navec_config(head=head), toy_context(tmp_path))
    rows = model.encode(toy_cards(12))
    torch.manual_seed(3)
    net = model.build().eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return net, rows


@pytest.mark.parametrize("head", HEADS)
def test_a_card_is_answered_alike_with_any_others_beside(tmp_path, head):
    net, rows = network(head, tmp_path)
    with torch.no_grad():
        together = net(rows.batch(np.arange(12)))
        alone = torch.cat([net(rows.batch(np.array([i]))) for i in range(12)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("head", HEADS[:2])
def test_the_vector_of_a_field_is_that_of_its_words_alone(tmp_path, head):
    net, rows = network(head, tmp_path)
    batch = rows.batch(np.arange(12))
    with torch.no_grad():
        vectors = net.word_vectors(batch)
        found = net.of_words(vectors, batch).unflatten(0, (len(rows.fields), 12))
    for name, of_field in zip(rows.fields, found, strict=True):
        for card, got in enumerate(of_field):
            words = rows.fields[name].take(np.array([card])).values
            if not len(words):
                assert not got.any()
                continue
            its = torch.cat(
                [
                    net.word_vectors(rows.batch(np.array([card])))[at : at + 1]
                    for at in places(rows, card, words)
                ]
            )
            torch.testing.assert_close(got, torch.cat([mean_of(net, name, its), its.amax(0)]))


def places(rows: NavecRows, card: int, words: np.ndarray) -> list[int]:
    """Where `words` stand among the distinct ones of the card."""
    distinct = np.unique(
        np.concatenate([field.take(np.array([card])).values for field in rows.fields.values()])
    )
    return np.searchsorted(distinct, words).tolist()


def mean_of(net: NavecNetwork, name: str, its: torch.Tensor) -> torch.Tensor:
    """its [t, d] vectors of a field's words in order → [d]"""
    if net.config.head == "pooled":
        return its.mean(0)
    head = net.heads[name]
    score = head.score(its) + head.place[torch.arange(len(its)).clamp_max(POSITIONS - 1)]
    share = score.softmax(0)  # (t, attenders)
    return (its.unflatten(1, (share.shape[1], -1)) * share.unsqueeze(2)).sum(0).flatten()


@pytest.mark.parametrize("head", HEADS)
def test_cards_without_any_word_are_learned_from_and_answered(tmp_path, head):
    wordless = dict.fromkeys(("title", "shop", "attributes", "description"), "")
    model = NavecModel(navec_config(head=head), toy_context(tmp_path))
    model.fit(toy_cards(64).assign(**wordless), toy_cards(16, 1))
    assert np.isfinite(model.predict(toy_cards(1, 2).assign(target=-1, **wordless))).all()
