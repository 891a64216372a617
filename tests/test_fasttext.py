from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from time import sleep

import fasttext
import numpy as np
import pytest
from toy_models import toy_cards, toy_context

from goods.models.text.fasttext import FastTextConfig
from goods.models.text.fasttext_model import LABEL, FastTextModel, zeroed_malloc
from goods.models.text.fasttext_updates import input_rows, train_one_vs_all
from goods.models.text.line_rows import LineRows


def trainings(tmp_path, monkeypatch, **settings):
    """(cards, epochs) of each training of a fit, and the model."""
    seen = []
    plain = FastTextModel._train

    def train(self, cards, epochs):
        seen.append((len(cards), epochs))
        plain(self, cards, epochs)

    monkeypatch.setattr(FastTextModel, "_train", train)
    fields = {"fields": ("title",), "dim": 8, "buckets": 200, "min_epochs": 1, **settings}
    model = FastTextModel(FastTextConfig(family="fasttext", **fields), toy_context(tmp_path))
    model.fit(toy_cards(90), toy_cards(10, 1))
    return seen, model


def test_few_of_many_cards_tell_the_temperature_trained_as_long_as_all(tmp_path, monkeypatch):
    seen, model = trainings(tmp_path, monkeypatch, calibration_cards=30, max_updates=300, epochs=40)
    assert seen == [(30, 3), (100, 3)]
    _, again = trainings(tmp_path, monkeypatch, calibration_cards=30, max_updates=300, epochs=40)
    assert again.temperature == model.temperature


@pytest.mark.parametrize("most", [90, 30_000])
def test_all_cards_tell_it_where_they_are_no_more_than_may(tmp_path, monkeypatch, most):
    seen, _ = trainings(tmp_path, monkeypatch, calibration_cards=most, epochs=4)
    assert seen == [(90, 4), (100, 4)]


def test_epochs_of_balanced_cards_are_of_what_is_drawn(tmp_path, monkeypatch):
    seen, _ = trainings(tmp_path, monkeypatch, balance=50, max_updates=600, epochs=40)
    classes = toy_cards(90).target.nunique()
    assert [epochs for _, epochs in seen] == [600 // (50 * classes)] * 2


def test_sampled_negatives_train_repeatably_and_tell_classes_apart(tmp_path, monkeypatch):
    sampled = {"loss": "ns", "negatives": 3, "epochs": 30}
    (_, model), (_, again) = (trainings(tmp_path, monkeypatch, **sampled) for _ in range(2))
    asked = toy_cards(40, 2)
    said = model.predict(asked)
    assert (said == again.predict(asked)).all()
    assert (said.argmax(1) == asked.target).mean() > 0.9


def test_other_threads_go_on_while_it_trains():
    n, dim, classes = 2_000, 64, 500
    rng = np.random.default_rng(0)
    offsets, rows = np.arange(0, 10 * n + 1, 10), rng.integers(0, 1_000, 10 * n).astype(np.int32)
    target, inputs = rng.integers(0, classes, n), np.zeros((1_000, dim), np.float32)
    train_one_vs_all(offsets, rows, target, inputs, classes, 0.1, 1, 0)  # compiles
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(train_one_vs_all, offsets, rows, target, inputs, classes, 0.1, 5, 0)
        ticks = 0
        while not training.done():
            sleep(0.005)
            ticks += 1
    assert ticks > 5


LINES = ["молоко ёж 9", "хлеб ржаной acme хлеб", "чай", "молоко хлеб чай 9"]


def plain(tmp_path, **settings):
    """A fastText model of LINES, one class each."""
    file = tmp_path / "lines.txt"
    file.write_text("".join(f"{LABEL}{k} {line}\n" for k, line in enumerate(LINES)), encoding="utf-8")
    given = {"dim": 8, "bucket": 50, "minCount": 1, "loss": "ova", "thread": 1, "seed": 1, "verbose": 0}
    with zeroed_malloc():
        return fasttext.train_supervised(str(file), **{**given, **settings})


@pytest.mark.parametrize("least", [1, 2, 4])
@pytest.mark.parametrize("n_grams", [1, 2, 3])
def test_a_line_is_the_mean_of_the_rows_that_fasttext_takes(tmp_path, n_grams, least):
    """Among them lines with words that are too rare to have a row, which count in the runs."""
    model = plain(tmp_path, wordNgrams=n_grams, epoch=30, minCount=least)
    inputs = model.get_input_matrix()
    offsets, rows = input_rows(LINES, model.words, n_grams, 50)
    means = [inputs[rows[a:b]].mean(0) for a, b in pairwise(offsets)]
    np.testing.assert_allclose(
        means, [model.get_sentence_vector(line) for line in LINES], rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("n_grams", [1, 2, 3])
def test_lines_get_the_very_vectors_that_fasttext_gives_them(tmp_path, n_grams):
    model = plain(tmp_path, wordNgrams=n_grams, epoch=30)
    number_of = {word: number for number, word in enumerate(model.words)}
    for lines in ([*LINES, "", "сыр молоко", "сыр", "хлеб сыр чай Ёж хлеб", "a"], ["чай"], [""]):
        read = LineRows.of(lines, n_grams, 50)
        vectors = read.means(number_of, np.asarray(model.f.getInputMatrix()))
        assert (vectors == np.array([model.get_sentence_vector(line) for line in lines])).all()
    assert LineRows.of([], n_grams, 50).means(number_of, model.get_input_matrix()).shape == (0, 8)


def test_without_rounding_it_is_fasttexts_own_training(tmp_path):
    start, trained = plain(tmp_path, lr=1e-9, epoch=1), plain(tmp_path, lr=0.5, epoch=200)
    offsets, rows = input_rows(LINES, start.words, 1, 50)
    inputs = start.get_input_matrix().copy()
    target = np.array([start.labels.index(f"{LABEL}{k}") for k in range(len(LINES))])
    outputs = train_one_vs_all(offsets, rows, target, inputs, len(LINES), 0.5, 200, 0, least=0)
    own = np.array([inputs[rows[a:b]].mean(0) for a, b in pairwise(offsets)]) @ outputs.T
    theirs = np.array([trained.get_sentence_vector(line) for line in LINES]) @ trained.get_output_matrix().T
    # fastText's rate falls in steps of a hundred words
    assert theirs.max() > 1 and np.corrcoef(own.ravel(), theirs.ravel())[0, 1] > 0.995


def test_a_card_all_of_whose_words_are_rare_teaches_many_classes_nothing(tmp_path):
    """Of so few cards the end of a line is rare, too."""
    settings = {"fields": ("title",), "loss": "ova", "exact_classes": 1, "min_count": 4, "title_repeat": 1}
    settings |= {"dim": 8, "buckets": 50, "word_ngrams": 1, "epochs": 40}
    cards = toy_cards(3).assign(title=["чай чай чай чай", "хлеб хлеб хлеб хлеб", "ёж"], target=[0, 1, 2])
    model = FastTextModel(FastTextConfig(family="fasttext", **settings), toy_context(tmp_path))
    model.fit(cards, None)
    assert sorted(model.model.words) == ["хлеб", "чай"]
    assert model.predict(cards).argmax(1)[:2].tolist() == [0, 1]


def test_many_classes_are_trained_repeatably_with_small_pushes_rounded(tmp_path, monkeypatch):
    many = {"loss": "ova", "exact_classes": 3, "epochs": 40, "lr": 0.5}
    (_, model), (_, again) = (trainings(tmp_path, monkeypatch, **many) for _ in range(2))
    asked = toy_cards(40, 2)
    said = model.predict(asked)
    assert (said == again.predict(asked)).all()
    assert (said.argmax(1) == asked.target).mean() > 0.9
    model.save(tmp_path)
    loaded = FastTextModel(model.config, model.context)
    loaded.load(tmp_path)
    assert (loaded.predict(asked) == said).all()
