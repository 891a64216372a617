"""fastText's one-vs-all for many classes: its own updates, but of the classes that a card teaches little only some.

A card pushes every other class's score down in proportion to what that class claims of it. fastText does that to all
of them at every update, though most claim next to nothing. Here a claim below `least` is rounded, to `least` or to
nothing, so that its expectation stays (systematic sampling over the classes); larger ones and the card's own class
count as they are. What stays per class is one product of two vectors. fastText itself only counts the words and keeps
the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from goods.core.compiled import compiled

END = "</s>"  # the word that fastText ends a line with

LEAST = 0.05

MOST_SCORE = 8  # beyond that fastText's table of the sigmoid says 0 or 1
BINS = 512
SIGMOID = (1 / (1 + np.exp(-(np.arange(BINS + 1) / BINS * 2 - 1) * MOST_SCORE))).astype(np.float32)


def train_again(
    model: Any, lines: Sequence[str], target: np.ndarray, rate: float, epochs: int, seed: int
) -> None:
    """Give a fastText model, trained on these lines for its words and classes, other vectors; `target` are numbers in
    its order of classes. RuntimeError where they diverge, as fastText raises it."""
    offsets, rows = input_rows(lines, model.words, model.f.getArgs().wordNgrams, model.f.getArgs().bucket)
    n_rows, dim = model.get_input_matrix().shape
    inputs = first_inputs(n_rows, dim, seed)
    outputs = train_one_vs_all(offsets, rows, target, inputs, len(model.labels), rate, epochs, seed)
    if not (np.isfinite(outputs).all() and np.isfinite(inputs).all()):
        raise RuntimeError("Encountered NaN.")
    model.set_matrices(inputs, outputs)


def word_hash(word: str) -> int:
    """FNV-1a over signed bytes, as an int32."""
    found = 2166136261
    for byte in word.encode():
        found = (found ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619 & 0xFFFFFFFF
    return found if found < 2**31 else found - 2**32


def input_rows(
    lines: Sequence[str], words: list[str], n_grams: int, buckets: int
) -> tuple[np.ndarray, np.ndarray]:
    """(offsets int64 [n + 1], rows int32) of the input matrix that each line is the mean of: its words and the end of
    the line, then runs of up to `n_grams` of them. What is not among the `words`, as too rare, counts in runs alone."""
    number_of = {word: number for number, word in enumerate(words)}
    numbers = [
        [number_of.setdefault(word, len(number_of)) for word in (*line.split(), END)] for line in lines
    ]
    lengths = np.array([len(line) for line in numbers], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    flat = np.fromiter((number for line in numbers for number in line), np.int32, starts[-1])
    known = np.diff(np.concatenate([[0], np.cumsum(flat < len(words))])[starts])
    more = sum(np.maximum(lengths - step, 0) for step in range(1, n_grams))
    offsets = np.concatenate([[0], np.cumsum(known + more)])
    rows = np.empty(offsets[-1], np.int32)
    hashes = np.array([word_hash(word) for word in number_of], np.int64)
    _fill(starts, flat, len(words), hashes, n_grams, buckets, offsets, rows)
    return offsets, rows


@compiled()
def _fill(starts, words, n_words, hashes, n_grams, buckets, offsets, rows):  # pragma: no cover
    factor = np.uint64(116049371)
    for line in range(len(starts) - 1):
        here, stop = offsets[line], starts[line + 1]
        for i in range(starts[line], stop):
            if words[i] < n_words:
                rows[here] = words[i]
                here += 1
        for i in range(starts[line], stop):
            run = np.uint64(hashes[words[i]])
            for j in range(i + 1, min(stop, i + n_grams)):
                run = run * factor + np.uint64(hashes[words[j]])
                rows[here] = n_words + np.int64(run % np.uint64(buckets))
                here += 1


def first_inputs(n_rows: int, dim: int, seed: int) -> np.ndarray:
    """float32 [n_rows, dim]: uniform where fastText's one thread initialises, else zero (`zeroed_malloc`)."""
    inputs, drawn = np.zeros((n_rows, dim), np.float32), n_rows // 10 + 1
    inputs[:drawn] = np.random.default_rng(seed).uniform(-1 / dim, 1 / dim, (drawn, dim))
    return inputs


def train_one_vs_all(
    offsets: np.ndarray, rows: np.ndarray, target: np.ndarray, inputs: np.ndarray, n_classes: int,
    rate: float, epochs: int, seed: int, least: float = LEAST,
) -> np.ndarray:  # fmt: skip
    """outputs float32 [n_classes, dim] of lines taken in order in every epoch, at a rate that falls to zero; `inputs`
    are trained in place. Nothing is rounded where `least` is 0."""
    outputs = np.zeros((n_classes, inputs.shape[1]), np.float32)
    starts = np.random.default_rng(seed).random((epochs, len(target)), np.float32) * np.float32(least)
    lines = (offsets, rows, target.astype(np.int32))
    _train(*lines, inputs, outputs, np.float32(rate), np.float32(least), starts, SIGMOID)
    return outputs


@compiled(fastmath=True, error_model="numpy")
def _train(offsets, rows, target, inputs, outputs, rate, least, starts, sigmoid):  # pragma: no cover
    """An epoch for each row of `starts` [epochs, n], where the rounding of a card begins."""
    n_classes, dim = outputs.shape
    hidden, gradient = np.empty(dim, np.float32), np.empty(dim, np.float32)
    scores = np.empty(n_classes, np.float32)
    n_epochs, n = starts.shape
    done, total = 0, n_epochs * offsets[-1]
    for epoch in range(n_epochs):
        for card in range(n):
            begin, end = offsets[card], offsets[card + 1]
            if begin == end:
                continue
            now = rate * np.float32(1 - done / total)
            done += end - begin
            share = np.float32(1 / (end - begin))
            hidden[:] = 0
            for i in range(begin, end):
                row = rows[i]
                for k in range(dim):
                    hidden[k] += inputs[row, k]
            for k in range(dim):
                hidden[k] *= share
                gradient[k] = 0
            for c in range(n_classes):
                score = np.float32(0)
                for k in range(dim):
                    score += outputs[c, k] * hidden[k]
                scores[c] = score
            rest = starts[epoch, card]
            for c in range(n_classes):
                step = _claim(scores[c], sigmoid)
                if c == target[card]:
                    step = step - 1
                elif step < least:
                    rest += step
                    if rest < least:
                        continue
                    rest -= least
                    step = least
                step *= -now
                for k in range(dim):
                    gradient[k] += step * outputs[c, k]
                    outputs[c, k] += step * hidden[k]
            for k in range(dim):
                gradient[k] *= share
            for i in range(begin, end):
                row = rows[i]
                for k in range(dim):
                    inputs[row, k] += gradient[k]


@compiled()
def _claim(score, sigmoid):  # pragma: no cover
    """Its sigmoid; of a score that is no number, that of the least."""
    if not score >= -MOST_SCORE:
        return np.float32(0)
    if score > MOST_SCORE:
        return np.float32(1)
    return sigmoid[int((score + MOST_SCORE) * (BINS / (2 * MOST_SCORE)))]
