"""Navec words: frozen or tuned Navec vectors plus trained hashed words and sub-words, one branch per field.

A word's vector is the sum of a projection of its Navec vector (where it has one: also for words the train
cards lack), one of its own vector (cards/cooccurrence.py), a hashed word embedding and the mean of its hashed 3- to
5-grams. TextCNN head: Wirojwatanakul and Wangperawong 2019 (arXiv 1907.03063).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from goods.cards.cooccurrence import WordVectors
from goods.cards.ragged import Ragged, distinct
from goods.cards.texthash import joined_texts
from goods.cards.tokens import encode_fields
from goods.cards.wordvectors import look_up
from goods.models.base import Context
from goods.models.network import Network, hidden_layers
from goods.models.sharing import made_once
from goods.models.tables import Table
from goods.models.text.navec import NavecConfig

KERNEL, FILTERS = 5, 200

ATTENDERS, POSITIONS = 4, 16


def subwords(word: str, buckets: int) -> list[int]:
    """Buckets of the word's 3- to 5-grams, its ends marked."""
    marked = f"<{word}>"
    grams = {marked[i : i + n] for n in (3, 4, 5) for i in range(len(marked) - n + 1)}
    return sorted(zlib.crc32(gram.encode()) % buckets for gram in grams)


@dataclass(frozen=True)
class FieldWords:
    """Words of cards, alike for all models of a config: `fields` as numbers into the distinct words, of which there are
    a hash, sub-words and a row of the Navec `table` and, where there are, of the own vectors' (`own`)."""

    fields: dict[str, Ragged]
    words: list[str]
    hashes: np.ndarray
    subwords: Ragged
    rows: np.ndarray
    table: np.ndarray
    own: np.ndarray | None

    @staticmethod
    def of(cards: pd.DataFrame, config: NavecConfig, context: Context, own: WordVectors | None) -> FieldWords:
        def read() -> FieldWords:
            fields, words = encode_fields(cards, config.fields, config.lemmatizer, context.cache)
            hashes = np.array([zlib.crc32(w.encode()) for w in words], np.int64)
            grams = Ragged.of([subwords(w, config.subword_buckets) for w in words], np.int64)
            own_rows = None if own is None else own.rows(words)
            return FieldWords(fields, words, hashes, grams, *look_up(config.vectors, words), own_rows)

        shapes = None if own is None else own.key
        settings = ("words", config.fields, config.lemmatizer, config.subword_buckets, config.vectors, shapes)
        given = joined_texts(cards, list(config.fields))
        return made_once(context.kept, settings, given, read, lambda made: made.nbytes)

    @property
    def nbytes(self) -> int:
        tokens = sum(field.values.nbytes for field in self.fields.values())
        return tokens + self.subwords.values.nbytes + self.table.nbytes + 100 * len(self.words)


class NavecRows:
    """Cards as word numbers per field; a batch holds its distinct words once."""

    lengths: np.ndarray | None = None

    def __init__(
        self,
        cards: pd.DataFrame,
        config: NavecConfig,
        context: Context,
        vocabulary: dict[str, int],
        own: WordVectors | None = None,
    ):
        self.target = cards.target.to_numpy(np.int64)
        known = FieldWords.of(cards, config, context, own)
        self.fields, self.word_bucket, self.subwords = known.fields, known.hashes, known.subwords
        self.rows, self.table, self.buckets = known.rows, known.table, config.subword_buckets
        self.own = None if own is None or known.own is None else (known.own, own.table)
        # row in the tuned table, 0 where the word has none (its frozen vector is used)
        self.tuned = np.array([vocabulary.get(w, 0) for w in known.words], np.int64)

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Of the cards' fields, one field after the other: `words` [t] (numbers into the batch's distinct words) and
        `offsets` [fields · b + 1], and as many lists of neighbouring words. `met` [m] are each field's distinct words,
        one field after the other, `met_lengths` [fields] of each, and `met_words` [t] which of them a word is."""
        taken = reduce(Ragged.followed_by, (field.take(rows) for field in self.fields.values()))
        words, local = distinct(taken.values, len(self.rows))
        field = np.repeat(np.arange(len(self.fields)), np.diff(taken.offsets[:: len(rows)]))
        met, met_words = distinct(field * len(words) + local, len(self.fields) * len(words))
        field_of_met = met // max(1, len(words))
        grams = self.subwords.take(words)
        hashes = self.word_bucket[taken.values]
        pairs = taken.neighbours()
        arrays = {
            "vectors": self.table[self.rows[words]],
            "tuned": self.tuned[words],
            "word": self.word_bucket[words] % self.buckets,
            "grams": grams.values,
            "gram_offsets": grams.offsets,
            "words": local,
            "offsets": taken.offsets,
            "met": met - len(words) * field_of_met,
            "met_lengths": np.bincount(field_of_met, minlength=len(self.fields)),
            "met_words": met_words,
            "bigrams": (hashes[pairs.values] * 31 + hashes[pairs.values + 1]) % self.buckets,
            "bigram_offsets": pairs.offsets,
        }
        if self.own is not None:
            own_rows, table = self.own
            arrays["own"] = table[own_rows[words]]
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def largest(vectors: torch.Tensor, words: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """vectors [u, d], words [t], offsets [b + 1] → [b, d], the largest of each list's words, zeros without any. The
    gradient of torch's own operation has no order on a GPU, and takes a step a column on a CPU."""
    if not len(vectors):  # there is no row to gather
        return vectors.new_zeros(len(offsets) - 1, vectors.shape[1])
    with torch.no_grad():  # mode 2 is max; the last of its results is whose number is the largest
        chosen = torch.embedding_bag(
            vectors, words, offsets, scale_grad_by_freq=False, mode=2, include_last_offset=True
        )[3]
    top = vectors.gather(0, chosen.clamp_min(0))  # -1 on a GPU where a list has no words
    return top.masked_fill((offsets.diff() == 0)[:, None], 0)


class FieldHead(nn.Module):
    """What is learned of one field's words: filters, or how much each word weighs in the field's mean."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        if kind == "textcnn":
            self.conv = nn.Conv1d(width, FILTERS, KERNEL, padding=KERNEL // 2)
        if kind == "attention":
            self.score = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, ATTENDERS))
            # of a word's position, as what a product is stands first in most titles; saved weights name it so
            self.place = nn.Parameter(torch.zeros(POSITIONS, ATTENDERS))

    def filtered(self, vectors: torch.Tensor, words: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """vectors [u, d] of distinct words, words [t], lengths [b] → [b, FILTERS]"""
        most = max(1, int(lengths.max()))
        inside = torch.arange(most, device=words.device) < lengths[:, None]  # (b, t)
        padded = vectors.new_zeros(len(lengths), most, vectors.shape[1])
        padded[inside] = vectors[words]
        maps = self.conv(padded.transpose(1, 2)).relu().masked_fill(~inside[:, None], 0)
        return maps.amax(2)


class NavecNetwork(Network):
    def __init__(self, config: NavecConfig, width_in: int, n_tuned: int, n_classes: int) -> None:
        super().__init__()
        width, self.names, self.config = config.width, list(config.fields), config
        self.project = nn.Linear(width_in, width, bias=False)
        self.words = Table(config.subword_buckets, width)
        self.grams = Table(config.subword_buckets, width)
        self.pairs = Table(config.subword_buckets, width)  # of neighbouring words; saved weights name it so
        for table in (self.words, self.grams, self.pairs):
            nn.init.normal_(table.weight, std=0.1)
        self.tuned = nn.Embedding(n_tuned, width_in) if n_tuned else None
        self.heads = nn.ModuleDict({name: FieldHead(config.head, width) for name in self.names})
        of_words = FILTERS if config.head == "textcnn" else 2 * width
        self.body = hidden_layers(len(self.names) * (of_words + width), config.hidden, config.dropout)
        self.last = nn.Linear(config.hidden, n_classes)
        self.project_own = nn.Linear(config.own_vectors, width, bias=False) if config.own_vectors else None

    def word_vectors(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        vectors = batch["vectors"]
        if self.tuned is not None:
            vectors = torch.where(batch["tuned"][:, None] > 0, self.tuned(batch["tuned"]), vectors)
        summed = (
            self.project(vectors)
            + self.words(batch["word"], torch.arange(len(vectors) + 1, device=vectors.device))
            + self.grams(batch["grams"], batch["gram_offsets"])
        )
        return summed if self.project_own is None else summed + self.project_own(batch["own"])

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        vectors = self.word_vectors(batch)
        if self.training:  # whole words go missing
            kept = torch.rand(len(vectors), 1, device=vectors.device) >= self.config.word_dropout
            vectors = vectors * kept
        words, pairs = self.of_words(vectors, batch), self.pairs(batch["bigrams"], batch["bigram_offsets"])
        by_field = torch.cat([words, pairs], 1).unflatten(0, (len(self.names), -1))  # (fields, b, d)
        return self.body(by_field.transpose(0, 1).flatten(1))

    def of_words(self, vectors: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """vectors [u, d] of distinct words → [fields · b, ·]; a card's field without words gets zeros."""
        words, offsets = batch["words"], batch["offsets"]
        lengths = offsets.diff()
        if self.config.head == "textcnn":
            by_field = lengths.unflatten(0, (len(self.names), -1))  # (fields, b)
            parts = words.split(by_field.sum(1).tolist())
            heads = zip(self.heads.values(), parts, by_field, strict=True)
            return torch.cat([head.filtered(vectors, part, its) for head, part, its in heads])  # type: ignore[operator]
        top = largest(vectors, words, offsets)
        if self.config.head == "pooled":
            mean = F.embedding_bag(words, vectors, offsets, mode="mean", include_last_offset=True)
            return torch.cat([mean, top], 1)
        return torch.cat([self.weighed(vectors, batch), top], 1)

    def weighed(self, vectors: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """[fields · b, d] means of words that weigh what their field's head thinks of word and position."""
        words, offsets = batch["words"], batch["offsets"]
        heads, lengths = list(self.heads.values()), offsets.diff()
        one = torch.repeat_interleave(lengths)  # (t,) the card's field that a word stands in
        field = one // (len(lengths) // len(heads))
        position = torch.arange(len(words), device=words.device) - offsets[one]
        met = vectors.index_select(0, batch["met"]).split(batch["met_lengths"].tolist())
        of_word = torch.cat([head.score(part) for head, part in zip(heads, met, strict=True)])  # type: ignore[operator]
        of_place = torch.stack([head.get_parameter("place") for head in heads])
        score = of_word.index_select(0, batch["met_words"])
        score = score + of_place[field, position.clamp_max(POSITIONS - 1)]  # (t, heads)
        weight = torch.exp(score.float().clamp(-15, 15))
        total = weight.new_zeros(len(lengths), ATTENDERS).index_add(0, one, weight)
        share = (weight / total[one]).unsqueeze(2)
        parts = vectors.index_select(0, words).float().unflatten(1, (ATTENDERS, -1)) * share
        return parts.new_zeros(len(lengths), vectors.shape[1]).index_add(0, one, parts.flatten(1))

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))

    def of_embedded(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """As `forward`, of `vectors` [b, d] that `embed` gave."""
        return self.last(batch["vectors"])
