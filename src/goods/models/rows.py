"""Batches cut from pre-encoded cards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from goods.cards.ragged import Ragged
from goods.core.processes import end_with
from goods.models.ranks import ALONE, Rank

POOL_BATCHES = 50  # batches that are sorted by length together


class Rows(Protocol):
    """Cards encoded once; a batch is cut by row numbers, nothing is collated card by card."""

    target: np.ndarray  # int64 [n], -1 where unknown
    lengths: np.ndarray | None  # int [n]: cards of like length share a batch

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]: ...


class VectorRows:
    """Vectors computed beforehand, float32 [n, d]."""

    lengths: np.ndarray | None = None

    def __init__(self, vectors: np.ndarray, target: np.ndarray) -> None:
        self.vectors, self.target = vectors, target

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        return {"vectors": torch.from_numpy(self.vectors[rows])}


def padded_batch(tokens: Ragged, pad: int) -> dict[str, torch.Tensor]:
    """tokens int64 [b, t], filled up with `pad`, and mask bool [b, t]: which of them are there"""
    mask = np.arange(max(1, tokens.lengths.max(initial=1))) < tokens.lengths[:, None]
    numbers = np.full(mask.shape, pad, np.int64)
    numbers[mask] = tokens.values
    return {"tokens": torch.from_numpy(numbers), "mask": torch.from_numpy(mask)}


class TokenRows:
    """Token numbers of each card, special tokens included, never longer than max_tokens."""

    def __init__(self, tokens: Ragged, pad: int, target: np.ndarray) -> None:
        self.tokens, self.pad, self.target = tokens, pad, target
        self.lengths: np.ndarray | None = tokens.lengths

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        return padded_batch(self.tokens.take(rows), self.pad)


class BatchDataset(Dataset):
    """Row numbers of a batch → the batch."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __getitem__(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        return self.rows.batch(rows) | {"target": torch.from_numpy(self.rows.target[rows])}


class BatchOrder(Sampler):
    """Row numbers per batch, shuffled by (seed, epoch); `seed=None` keeps order of length.

    With `balance` > 0 an epoch is as many cards drawn with replacement, a card's chance being
    count(its class) ** -balance: at 1 every class is as frequent as any other.

    Of several ranks each has every so manieth batch, and all have as many: some of the first ones come again.
    """

    def __init__(
        self, rows: Rows, batch_size: int, seed: int | None, balance: float = 0.0, rank: Rank = ALONE
    ) -> None:
        self.n, self.lengths, self.rank = len(rows.target), rows.lengths, rank
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0
        self.chance: np.ndarray | None = None
        if balance:
            weight = np.bincount(rows.target)[rows.target].astype(np.float64) ** -balance
            self.chance = weight / weight.sum()

    def set_epoch(self, epoch: int) -> None:  # called by lightning
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.n // (self.batch_size * self.rank.of))

    def __iter__(self) -> Iterator[np.ndarray]:
        if self.seed is None:
            order = np.arange(self.n) if self.lengths is None else np.argsort(self.lengths, kind="stable")
            yield from (order[i : i + self.batch_size] for i in range(0, self.n, self.batch_size))
            return
        random = np.random.default_rng([self.seed, self.epoch])
        if self.chance is None:
            order = random.permutation(self.n)
        else:
            order = random.choice(self.n, self.n, p=self.chance)
        if self.lengths is not None:
            pool = self.batch_size * POOL_BATCHES
            pools = (order[i : i + pool] for i in range(0, self.n, pool))
            order = np.concatenate([p[np.argsort(self.lengths[p], kind="stable")] for p in pools])
        batches = [order[i : i + self.batch_size] for i in range(0, self.n, self.batch_size)]
        if self.lengths is not None:
            random.shuffle(batches)
        more = len(self) * self.rank.of - len(batches)
        yield from (batches + (batches * more)[:more])[self.rank.number :: self.rank.of]


def _begin_worker(parent: int, number: int) -> None:
    end_with(parent)


def batches(
    rows: Rows,
    batch_size: int,
    seed: int | None = None,
    balance: float = 0.0,
    workers: int = 0,
    rank: Rank = ALONE,
) -> DataLoader:
    """Batches in the order of `BatchOrder`, cut by `workers` processes (0: this one); the same either way."""
    order = BatchOrder(rows, batch_size, seed, balance, rank)
    return DataLoader(
        BatchDataset(rows),
        batch_size=None,
        sampler=order,
        num_workers=workers,
        worker_init_fn=partial(_begin_worker, os.getpid()),
        persistent_workers=workers > 0,
        pin_memory=workers > 0 and torch.cuda.is_available(),
    )
