"""fastText (Joulin et al. 2016, arXiv 1607.01759): averaged word and word-n-gram vectors, one softmax.

One thread, so that the same cards give the same model; folds run side by side instead.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.cleaning import WORD, telling_words
from goods.cards.texthash import joined_texts
from goods.core.artifacts import read_json, write_json
from goods.core.calibration import fit_temperature, to_proba
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.models.base import Context
from goods.models.sharing import made_once
from goods.models.text.fasttext import FastTextConfig
from goods.models.text.fasttext_updates import train_again
from goods.models.text.line_rows import LineRows

M_PERTURB = -6  # malloc.h

LABEL = "__label__"  # how fastText tells a line's class from its words

ALMOST_NONE = 1e-6  # learning rate where only words are counted

ATTEMPTS = 4  # learning rates tried, each half the one before


class FastTextModel:
    def __init__(self, config: FastTextConfig, context: Context) -> None:
        self.config = config
        self.context = context
        self.temperature = 1.0
        self.classes = np.empty(0, np.int64)
        self.model: Any = None
        self._numbered: tuple[Any, dict[str, int]] | None = None

    def warm(self, cards: pd.DataFrame) -> None:
        """Nothing to cache: tokens are cheap."""

    def texts(self, cards: pd.DataFrame) -> list[str]:
        """One line per card: the title, its first `title_window` words `title_repeat` times in all, then the
        other fields, cut to max_words."""
        config, given = self.config, joined_texts(cards, self.config.fields)
        settings = (config.fields, config.variant, config.title_window, config.title_repeat, config.max_words)
        return made_once(
            self.context.kept,
            ("lines", *settings),
            given,
            lambda: self._lines(cards),
            lambda lines: sum(map(len, lines)),
        )

    def _lines(self, cards: pd.DataFrame) -> list[str]:
        lines = []
        for values in zip(*(cards[f] for f in self.config.fields), strict=True):
            words: list[str] = []
            for field, value in zip(self.config.fields, values, strict=True):
                tokens = words_of(value)
                if self.config.variant == "cleaned":
                    tokens = telling_words(tokens)
                words += tokens
                if field == "title":
                    words += tokens[: self.config.title_window] * (self.config.title_repeat - 1)
            lines.append(" ".join(words[: self.config.max_words]))
        return lines

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        if valid is not None and len(valid) and self.config.calibrate:
            # as long as the cards it speaks for: a model is the surer of itself the longer it was trained
            self._train(few_of(train, self.config.calibration_cards, self.context.seed), self._epochs(train))
            self.temperature = fit_temperature(self._logits(valid), valid.target.to_numpy())
        if valid is not None:
            train = pd.concat([train, valid])
        self._train(train, self._epochs(train))

    def _epochs(self, cards: pd.DataFrame) -> int:
        """As many as are set, or fewer of many cards."""
        config = self.config
        rows = len(cards) if config.balance is None else config.balance * cards.target.nunique()
        return max(config.min_epochs, min(config.epochs, config.max_updates // max(1, rows)))

    def _train(self, cards: pd.DataFrame, epochs: int) -> None:
        config, rng = self.config, np.random.default_rng(self.context.seed)
        target = cards.target.to_numpy()
        rows = np.arange(len(cards)) if config.balance is None else balanced_rows(target, config.balance, rng)
        rows = rng.permutation(rows)
        lines = self.texts(cards)
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            for row in rows:
                file.write(f"{LABEL}{target[row]} {lines[row]}\n")
            file.flush()
            self.model = self._train_file(file.name, [lines[row] for row in rows], target[rows], epochs)
        self.classes = np.array([int(label.removeprefix(LABEL)) for label in self.model.labels])

    def _train_file(self, name: str, lines: list[str], target: np.ndarray, epochs: int) -> Any:
        """Train on a file of these lines and their classes; at half the rate where that diverges, as many classes
        make it do."""
        for attempt in range(ATTEMPTS):
            lr = self.config.lr / 2**attempt
            try:
                return self._train_at(name, lines, target, epochs, lr)
            except RuntimeError as error:
                if "NaN" not in str(error):
                    raise
                say(
                    f"fasttext: diverges at learning rate {lr:g}"
                    + (", halved" if attempt + 1 < ATTEMPTS else "")
                )
        raise GoodsError(f"fastText diverges even at learning rate {lr:g}; lower model.lr")

    def _train_at(self, name: str, lines: list[str], target: np.ndarray, epochs: int, lr: float) -> Any:
        import fasttext

        config = self.config
        rounded = config.loss == "ova" and len(np.unique(target)) > config.exact_classes
        with zeroed_malloc():
            model = fasttext.train_supervised(
                input=name,
                lr=ALMOST_NONE if rounded else lr,
                epoch=1 if rounded else epochs,
                dim=config.dim,
                wordNgrams=config.word_ngrams,
                minCount=config.min_count,
                bucket=config.buckets,
                loss=config.loss,
                neg=config.negatives,
                thread=1,
                seed=self.context.seed,
                verbose=0,
            )
        if rounded:
            number_of = {label: number for number, label in enumerate(model.labels)}
            numbers = np.array([number_of[f"{LABEL}{c}"] for c in target], np.int32)
            train_again(model, lines, numbers, lr, epochs, self.context.seed)
        return model

    def embed(self, cards: pd.DataFrame) -> np.ndarray:
        """float32 [n, dim]: the averaged vector of each card's words and n-grams."""
        lines, given = self.texts(cards), self.model.f.getArgs()
        read = made_once(
            self.context.kept,
            ("line rows", given.wordNgrams, given.bucket),
            lines,
            lambda: LineRows.of(lines, given.wordNgrams, given.bucket),
            lambda made: made.nbytes,
        )
        return read.means(self._number_of(), np.asarray(self.model.f.getInputMatrix()))

    def _number_of(self) -> dict[str, int]:
        """word → row of the input matrix"""
        if self._numbered is None or self._numbered[0] is not self.model:
            self._numbered = self.model, {word: number for number, word in enumerate(self.model.words)}
        return self._numbered[1]

    def _logits(self, cards: pd.DataFrame) -> np.ndarray:
        """float32 [n, C], -inf for classes the model never saw."""
        out = np.full((len(cards), self.context.labels.n_classes), -np.inf, np.float32)
        if self.config.loss != "hs":
            # one-vs-all's log-odds too, as its probabilities saturate at one
            out[:, self.classes] = self.embed(cards) @ self.model.get_output_matrix().T
            return out
        # hierarchical softmax has no logits: take the log of the kept probabilities
        labels, proba = self.model.predict(self.texts(cards), k=min(64, len(self.classes)))
        out[:, self.classes] = -20.0
        for i, (names, values) in enumerate(zip(labels, proba, strict=True)):
            out[i, [int(n.removeprefix(LABEL)) for n in names]] = np.log(np.maximum(values, 1e-9))
        return out

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        return to_proba(self._logits(cards), self.temperature)

    def save(self, folder: Path) -> None:
        path = folder / "model.bin"
        self.model.save_model(str(path))
        # its last part: fastText says nothing where the disk is full
        if not ends_with(path, self.model.get_output_matrix().tobytes()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_json(folder / "model.json", {"temperature": self.temperature})

    def load(self, folder: Path) -> None:
        import fasttext

        fasttext.FastText.eprint = lambda *args, **kwargs: None
        self.temperature = read_json(folder / "model.json")["temperature"]
        try:
            self.model = fasttext.load_model(str(folder / "model.bin"))
        except ValueError as error:
            raise GoodsError(
                f"{folder / 'model.bin'}: not readable ({error}); train this fold again"
            ) from None
        self.classes = np.array([int(label.removeprefix(LABEL)) for label in self.model.labels])


def few_of(cards: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """At most so many cards, drawn at random."""
    return cards if len(cards) <= most else cards.sample(most, random_state=seed)


def ends_with(path: Path, tail: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(tail)))
        return file.read() == tail


def words_of(text: str) -> list[str]:
    """Lower-case words and numbers, none of which fastText takes for a label."""
    words = WORD.findall(text.lower())
    return (
        [f"_{word}" if word.startswith(LABEL) else word for word in words] if LABEL in text.lower() else words
    )


@contextlib.contextmanager
def zeroed_malloc() -> Iterator[None]:
    """Have malloc hand out zeros.

    With one thread fastText initialises only the first tenth of its input matrix and leaves the rest as malloc
    returned it: with recycled memory there the model is random, NaN at worst.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # no glibc: nothing to set
        yield
        return
    mallopt(M_PERTURB, 0xFF)  # new memory is filled with the complement of this byte
    try:
        yield
    finally:
        mallopt(M_PERTURB, 0)


def balanced_rows(target: np.ndarray, per_class: int, rng: np.random.Generator) -> np.ndarray:
    """int [m] row numbers with `per_class` cards of every class of `target` int [n]: larger ones are
    sampled, smaller ones repeated."""
    rows = [np.flatnonzero(target == c) for c in np.unique(target)]
    return np.concatenate([rng.choice(r, per_class, replace=len(r) < per_class) for r in rows])
