"""The largest of a card's word vectors: the bytes of torch's own operation, by others whose gradient has an order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from goods.models.text.navec_network import largest

Largest = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def by_torch(vectors: torch.Tensor, words: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    return F.embedding_bag(words, vectors, offsets, mode="max", include_last_offset=True)


def value_and_gradient(how: Largest, *given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of a weighted sum, so that every place of the result has a gradient of its own."""
    vectors, words, offsets = given
    vectors = vectors.clone().requires_grad_()
    top = how(vectors, words, offsets)
    (top * torch.arange(1.0, 1 + top.numel()).view_as(top).sqrt()).sum().backward()
    assert vectors.grad is not None
    return top.detach(), vectors.grad


def cards(lengths: list[int], distinct: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    return torch.randint(distinct, (sum(lengths),), generator=random), offsets


@pytest.mark.parametrize(
    "lengths", [[3, 1, 40, 2], [0, 5, 0, 0, 7, 0], [0, 0], [1] * 200], ids=["some", "gaps", "none", "single"]
)
def test_both_ways_are_the_same_bytes(lengths):
    vectors = torch.randn(30, 12, generator=torch.Generator().manual_seed(1))
    words, offsets = cards(lengths, 30)
    (one, its), (other, others) = (
        value_and_gradient(how, vectors, words, offsets) for how in (by_torch, largest)
    )
    assert torch.equal(one, other) and torch.equal(its, others)


def test_both_ways_are_the_same_bytes_where_words_are_as_large():
    vectors = torch.randint(-1, 1, (9, 6), generator=torch.Generator().manual_seed(2)).float()
    vectors[2] = vectors[5] = 0  # as words that are dropped
    words, offsets = cards([9, 4, 0, 12, 30], 9)
    (one, its), (other, others) = (
        value_and_gradient(how, vectors, words, offsets) for how in (by_torch, largest)
    )
    assert torch.equal(one, other) and torch.equal(its, others)


def test_of_words_that_are_as_large_the_first_gets_the_gradient():
    words, offsets = torch.tensor([4, 2, 3]), torch.tensor([0, 3])
    for how in (by_torch, largest):
        assert value_and_gradient(how, torch.ones(5, 1), words, offsets)[1].ravel().tolist() == [
            0,
            0,
            0,
            0,
            1,
        ]


def test_a_word_that_many_cards_share_gets_the_sum_of_their_gradients():
    vectors = torch.tensor([[1.0], [0.0]])
    words, offsets = torch.tensor([0, 1] * 50), torch.arange(0, 101, 2)
    for how in (by_torch, largest):
        gradient = value_and_gradient(how, vectors, words, offsets)[1]
        torch.testing.assert_close(gradient[0, 0], torch.arange(1.0, 51).sqrt().sum())
        assert gradient[1, 0] == 0


def test_a_batch_without_any_word_is_zeros():
    top = largest(torch.randn(0, 4), torch.zeros(0, dtype=torch.long), torch.zeros(4, dtype=torch.long))
    assert top.shape == (3, 4) and not top.any()
