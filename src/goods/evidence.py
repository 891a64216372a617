"""What speaks for a class besides the base models: counts by shop and words, similar titles, the category's name,
numbers among the attributes.

Everything is learned from train cards and looked up out of fold: a train card is never compared with cards of its
own fold, so what it meets is what a new card meets. `card_fold` is None for new cards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from goods.candidates import Candidates, Named
from goods.cards import Labels
from goods.config import PACKAGED
from goods.models.wordvectors import look_up
from goods.text import near_duplicate_key

SMOOTHING = 5.0  # pseudo-cards of the class prior in "class given shop" and the like
RARE_NUMBERS = 50  # a number's name on fewer train cards tells nothing
PRIOR_CARDS = 3.0  # pseudo-cards of all classes in a class's mean and variance
NO_NUMBER = 0.0
NUMBER = re.compile(r"\s*(-?\d{1,15}(?:[.,]\d{1,15})?)(?![\d.,]*\d)")
WORD = re.compile(r"[^\W\d_]+")
ROWS = 2048  # cards compared with all train titles at once
ENTRIES = 200_000  # entries compared with category names at once


def find(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """[..., m] columns of `values` [..., k] at the `wanted` of the sorted `keys` [k], zeros for those not there."""
    if not len(keys):
        return np.zeros((*values.shape[:-1], len(wanted)), values.dtype)
    place = np.searchsorted(keys, wanted).clip(0, len(keys) - 1)
    return np.where(keys[place] == wanted, values[..., place], 0)


def ranges(first: np.ndarray, each: np.ndarray) -> np.ndarray:
    """first[0], first[0] + 1, … (each[0] numbers), then those of first[1], …"""
    return np.repeat(first - (np.cumsum(each) - each), each) + np.arange(each.sum())


class KeyCounts:
    """Class counts of train cards by some key of theirs (shop, title, …), never counting a card's own fold."""

    def __init__(self, train_keys: pd.Series, target: np.ndarray, fold: np.ndarray, n_classes: int) -> None:
        self.index = pd.Index(train_keys.unique())
        self.n_classes, self.n_folds = n_classes, int(fold.max()) + 1
        code = self.index.get_indexer(train_keys)
        self.key_fold = self._table(code, fold, len(self.index))
        self.class_fold = self._table(target, fold, n_classes)
        pair = code.astype(np.int64) * n_classes + target
        self.pairs, self.pair_counts = np.unique(pair * self.n_folds + fold, return_counts=True)
        self.any_pairs, self.any_counts = np.unique(pair, return_counts=True)

    def _table(self, code: np.ndarray, fold: np.ndarray, size: int) -> np.ndarray:
        """int64 [size, folds]: cards by code and fold."""
        counts = np.bincount(code.astype(np.int64) * self.n_folds + fold, minlength=size * self.n_folds)
        return counts.reshape(size, self.n_folds)

    def _in_pair(self, code: np.ndarray, cls: np.ndarray, own: np.ndarray | None) -> np.ndarray:
        """int64 [m]: train cards with that key and class, those of fold `own` left out."""
        pair = code.astype(np.int64) * self.n_classes + cls
        found = find(self.any_pairs, self.any_counts, pair)
        return found if own is None else found - find(self.pairs, self.pair_counts, pair * self.n_folds + own)

    def features(self, card_keys: pd.Series, card_fold: np.ndarray | None, table: Candidates) -> np.ndarray:
        """float32 [m, 2]: log of the smoothed share of the class given the key, log(1 + cards with the key)."""
        code = self.index.get_indexer(card_keys)[table.card].astype(np.int64)
        known, code = code >= 0, np.maximum(code, 0)
        own = None if card_fold is None else card_fold[table.card].astype(np.int64)
        in_pair = np.where(known, self._in_pair(code, table.cls, own), 0)
        in_key = self.key_fold.sum(1)[code]
        in_class = self.class_fold.sum(1)[table.cls]
        total = np.full(len(code), self.class_fold.sum())
        if own is not None:
            in_key = in_key - self.key_fold[code, own]
            in_class = in_class - self.class_fold[table.cls, own]
            total = total - self.class_fold.sum(0)[own]
        in_key = np.where(known, in_key, 0)
        prior = (in_class + 0.5) / (total + 0.5 * self.n_classes)
        share = (in_pair + SMOOTHING * prior) / (in_key + SMOOTHING)
        return np.stack([np.log(share), np.log1p(in_key)], axis=1).astype(np.float32)

    def named(self, card_keys: pd.Series, card_fold: np.ndarray | None, most: int) -> Named:
        """The `most` most frequent classes of each card's key; an empty key names nothing."""
        code = self.index.get_indexer(card_keys).astype(np.int64)
        code[(card_keys == "").to_numpy()] = -1
        parts = []
        for own in [None] if card_fold is None else range(self.n_folds):
            cards = np.arange(len(code)) if own is None else np.flatnonzero(card_fold == own)
            key, cls = self._most_frequent(own, most)
            first, last = (np.searchsorted(key, code[cards], side=side) for side in ("left", "right"))
            each = last - first
            parts.append((np.repeat(cards, each), cls[ranges(first, each)]))
        card, cls = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(card, kind="stable")
        return card[order], cls[order]

    def _most_frequent(self, own: int | None, most: int) -> Named:
        """(key, class) of the `most` most frequent classes of every key outside fold `own`, by key."""
        count = self.any_counts.copy()
        if own is not None:
            in_own = self.pairs % self.n_folds == own
            count[np.searchsorted(self.any_pairs, self.pairs[in_own] // self.n_folds)] -= self.pair_counts[
                in_own
            ]
        return most_per_card(
            self.any_pairs // self.n_classes, self.any_pairs % self.n_classes, count.astype(np.float64), most
        )


def most_per_card(card: np.ndarray, cls: np.ndarray, weight: np.ndarray, most: int) -> Named:
    """The entries with the `most` largest positive weights of each card, ties to the lower class."""
    there = weight > 0
    card, cls, weight = card[there], cls[there], weight[there]
    order = np.lexsort((cls, -weight, card))
    card, cls = card[order], cls[order]
    kept = np.arange(len(card)) - np.searchsorted(card, card) < most
    return card[kept].astype(np.int64), cls[kept].astype(np.int64)


def card_keys(cards: pd.DataFrame) -> dict[str, pd.Series]:
    """What cards are counted by: shop, first and last title word, title without digits and word order."""
    words = cards.title.str.lower().str.findall(r"\w+")
    return {
        "any": pd.Series("", index=cards.index),
        "shop": cards.shop.str.lower(),
        "first_word": words.map(lambda w: w[0] if w else ""),
        "first_two": words.map(lambda w: " ".join(w[:2])),
        "last_word": words.map(lambda w: w[-1] if w else ""),
        "title": cards.title.map(near_duplicate_key),
    }


@dataclass(frozen=True)
class Neighbours:
    """similarity float32 [n, k], nearest first (0: no neighbour there) · cls int64 [n, k] their classes."""

    similarity: np.ndarray
    cls: np.ndarray

    def named(self, most: int) -> Named:
        """The `most` classes with the largest sums of similarity."""
        card, cls, sums, _ = self._by_class()
        return most_per_card(card, cls, sums, most)

    def _by_class(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Per (card, class) among the neighbours: card, class, sum and maximum of the similarities."""
        there = self.similarity > 0
        card = np.broadcast_to(np.arange(len(self.cls))[:, None], self.cls.shape)[there]
        cls, value = self.cls[there], self.similarity[there].astype(np.float64)
        width = int(cls.max(initial=0)) + 1
        keys, group = np.unique(card * width + cls, return_inverse=True)
        best = np.zeros(len(keys))
        np.maximum.at(best, group, value)
        return keys // width, keys % width, np.bincount(group, weights=value, minlength=len(keys)), best

    def features(self, table: Candidates) -> np.ndarray:
        """float32 [m, 3]: share of the neighbours' similarity that is on the class, the class's best similarity,
        the card's best similarity."""
        card, cls, sums, best = self._by_class()
        width = max(int(cls.max(initial=0)), int(table.cls.max(initial=0))) + 1
        keys, wanted = card * width + cls, table.card * width + table.cls
        if not len(keys):
            return np.zeros((len(wanted), 3), np.float32)
        at = np.searchsorted(keys, wanted).clip(0, len(keys) - 1)
        found = keys[at] == wanted
        total = np.bincount(card, weights=sums, minlength=table.n_cards)[table.card]
        nearest = self.similarity[:, 0][table.card] if self.similarity.shape[1] else np.zeros(len(wanted))
        share = np.where(found, sums[at], 0) / np.maximum(total, 1e-9)
        return np.stack([share, np.where(found, best[at], 0), nearest], axis=1).astype(np.float32)


class TitleNeighbours:
    """Train cards with the most similar titles: cosine of TF-IDF words, exact but for words in more than
    `most_cards` titles, which are left out: what all share says little, and without them the product stays sparse.

    Words of a train card that only titles of its own fold have do not count, as words no train title has do not
    count for a new card: both are of length 1 over the words that can be found.
    """

    def __init__(
        self, titles: pd.Series, target: np.ndarray, fold: np.ndarray, most_cards: int = 1000
    ) -> None:
        self.target, self.fold = target.astype(np.int64), fold
        self.tfidf = TfidfVectorizer(
            ngram_range=(1, 2), max_df=most_cards, token_pattern=r"(?u)\b\w+\b", dtype=np.float32, norm=None
        )
        try:
            weights = self.tfidf.fit_transform(titles)
        except ValueError:  # no word at all, or only words that all titles share
            self.vectors = None
            return
        self.vectors = normalize(weights).T.tocsr()
        titles_with = [
            np.bincount(weights[fold == k].indices, minlength=weights.shape[1]) for k in range(fold.max() + 1)
        ]
        in_fold = np.stack(titles_with)  # [folds, words]
        self.elsewhere = in_fold.sum(0) > in_fold  # whether a title outside the fold has the word

    def find(self, titles: pd.Series, card_fold: np.ndarray | None, k: int = 16) -> Neighbours:
        n = len(titles)
        similarity, cls = np.zeros((n, k), np.float32), np.zeros((n, k), np.int64)
        if self.vectors is None:
            return Neighbours(similarity, cls)
        queries = self.tfidf.transform(titles).tocsr()
        if card_fold is not None:
            of_card = np.repeat(card_fold, np.diff(queries.indptr))
            queries.data[~self.elsewhere[of_card, queries.indices]] = 0
            queries.eliminate_zeros()
        queries = normalize(queries)
        for start in range(0, n, ROWS):
            product = (queries[start : start + ROWS] @ self.vectors).tocoo()
            row, column, value = product.row, product.col, product.data
            if card_fold is not None:
                other = self.fold[column] != card_fold[start + row]
                row, column, value = row[other], column[other], value[other]
            order = np.lexsort((column, -value, row))
            row, column, value = row[order], column[order], value[order]
            place = np.arange(len(row)) - np.searchsorted(row, row)
            kept = place < k
            similarity[start + row[kept], place[kept]] = value[kept]
            cls[start + row[kept], place[kept]] = self.target[column[kept]]
        return Neighbours(similarity, cls)


class CategoryNames:
    """Likeness of a title and a category's name, by characters and, for Russian words, by Navec vectors.

    It needs no train card of the category, so rare and unseen ones can be named and weighed as well as any.
    """

    def __init__(self, labels: Labels) -> None:
        leaf_names = [" ".join(path[-2:]).lower() for path in labels.paths]
        self.tfidf = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), dtype=np.float32)
        self.names = self.tfidf.fit_transform(leaf_names)
        self.leaf = self.tfidf.transform([path[-1].lower() for path in labels.paths])
        self.words = [path[-1].lower() for path in labels.paths]

    def named(self, titles: pd.Series, most: int, least: float = 0.15) -> Named:
        """The `most` categories whose leaf name is most like the title, at least `least` (cosine)."""
        queries = self.tfidf.transform(titles.str.lower())
        parts = []
        for start in range(0, len(titles), ROWS):
            product = (queries[start : start + ROWS] @ self.leaf.T).tocoo()
            close = product.data >= least
            parts.append((product.row[close] + start, product.col[close], product.data[close]))
        if not parts:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        card, cls, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return most_per_card(card, cls, value, most)

    def features(self, titles: pd.Series, table: Candidates) -> np.ndarray:
        """float32 [m, 2]: cosine of characters with the last two names of the path, of word vectors with the
        leaf's name."""
        queries = self.tfidf.transform(titles.str.lower())
        meaning_of_titles, meaning_of_names = word_vectors(titles.tolist()), word_vectors(self.words)
        out = np.empty((len(table.card), 2), np.float32)
        for start in range(0, len(out), ENTRIES):
            block = slice(start, start + ENTRIES)
            card, cls = table.card[block], table.cls[block]
            out[block, 0] = np.asarray(queries[card].multiply(self.names[cls]).sum(axis=1)).ravel()
            out[block, 1] = np.einsum("ij,ij->i", meaning_of_titles[card], meaning_of_names[cls])
        return out


def word_vectors(texts: list[str]) -> np.ndarray:
    """float32 [n, 300] unit mean of the words' packaged Navec vectors; zeros where none is known."""
    words = [WORD.findall(text.lower()) for text in texts]
    known = sorted({word for row in words for word in row})
    place = {word: i for i, word in enumerate(known)}
    rows, table = look_up(PACKAGED, known)
    lengths = [len(row) for row in words]
    at = np.array([rows[place[word]] for row in words for word in row], np.int64)
    matrix = sparse.csr_matrix(
        (np.ones(len(at), np.float32), at, np.concatenate([[0], np.cumsum(lengths)])),
        shape=(len(texts), len(table)),
    )
    sums = matrix @ table
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)


class Numbers:
    """Fit of a card's numeric attributes ("name: 12.5") to a class: log-likelihood against all cards, of a normal
    distribution of log(1 + value), each with pseudo-cards of the whole."""

    def __init__(self, attributes: pd.Series, target: np.ndarray, fold: np.ndarray, n_classes: int) -> None:
        self.n_classes, self.n_folds = n_classes, int(fold.max()) + 1
        card, names, x = listed_numbers(attributes)
        counts = pd.Series(names, dtype="str").value_counts()
        self.names = pd.Index(sorted(counts.index[counts >= RARE_NUMBERS]))
        name = self.names.get_indexer(names).astype(np.int64)
        card, name, x = card[name >= 0], name[name >= 0], x[name >= 0]
        self.whole = self._moments(name, x, len(self.names))
        cell = name * n_classes + target[card]
        self.cells, at = np.unique(cell, return_inverse=True)
        self.by_cell = self._moments(at, x, len(self.cells))
        self.fold_cells, at = np.unique(cell * self.n_folds + fold[card], return_inverse=True)
        self.by_fold = self._moments(at, x, len(self.fold_cells))

    @staticmethod
    def _moments(at: np.ndarray, x: np.ndarray, size: int) -> np.ndarray:
        """float64 [3, size]: number, sum and sum of squares of x by place."""
        return np.stack([np.bincount(at, weights=x**moment, minlength=size) for moment in range(3)])

    def features(self, attributes: pd.Series, card_fold: np.ndarray | None, table: Candidates) -> np.ndarray:
        """float32 [m]: sum over the card's numbers; NO_NUMBER where it has none."""
        total = np.full(len(table.card), NO_NUMBER)
        card, names, x = listed_numbers(attributes)
        name = self.names.get_indexer(names).astype(np.int64)
        card, name, x = card[name >= 0], name[name >= 0], x[name >= 0]
        first, last = (np.searchsorted(card, table.card, side=side) for side in ("left", "right"))
        for start in range(0, len(total), ENTRIES):
            block = slice(start, start + ENTRIES)
            each = (last - first)[block]
            entry = np.repeat(np.arange(len(each)), each)
            at = ranges(first[block], each)
            own = None if card_fold is None else card_fold[card[at]]
            fit = self._fit(name[at], x[at], table.cls[block][entry], own)
            total[block] += np.bincount(entry, fit, minlength=len(each))
        return total.astype(np.float32)

    def _fit(self, name: np.ndarray, x: np.ndarray, cls: np.ndarray, own: np.ndarray | None) -> np.ndarray:
        """float64 [m]: log-likelihood ratio of each number for a class, fold `own` left out."""
        n, first, second = self.whole[:, name]
        mean_all = first / n
        var_all = np.maximum(second / n - mean_all**2, 1e-6)
        cell = name * self.n_classes + cls
        moments = find(self.cells, self.by_cell, cell)
        if own is not None:
            moments = moments - find(self.fold_cells, self.by_fold, cell * self.n_folds + own)
        count, one, two = moments
        mean = (one + PRIOR_CARDS * mean_all) / (count + PRIOR_CARDS)
        square = (two + PRIOR_CARDS * (var_all + mean_all**2)) / (count + PRIOR_CARDS)
        var = np.maximum(square - mean**2, 0.01 * var_all)
        fit = -0.5 * np.log(var / var_all) - 0.5 * (x - mean) ** 2 / var + 0.5 * (x - mean_all) ** 2 / var_all
        return fit.clip(-10, 10)


def listed_numbers(attributes: pd.Series) -> tuple[np.ndarray, list[str], np.ndarray]:
    """(card int64 [m] in order, name, log(1 + value) float64 [m]) of the numbers among the cards' attributes."""
    found = [numbers(text) for text in attributes]
    card = np.repeat(np.arange(len(found)), [len(row) for row in found])
    values = np.array([max(0.0, value) for row in found for value in row.values()], np.float64)
    return card, [name for row in found for name in row], np.log1p(values)


def numbers(text: str) -> dict[str, float]:
    """ "Вес: 12,5 г; Белки: 3" → {"вес": 12.5, "белки": 3.0}; the first of a name counts."""
    found: dict[str, float] = {}
    for part in text.split(";"):
        *names, value = part.rsplit(":", 1)
        match = NUMBER.match(value) if names else None
        if match:
            name = names[0].rsplit(":", 1)[-1].strip().lower()
            found.setdefault(name, float(match[1].replace(",", ".")))
    return found
