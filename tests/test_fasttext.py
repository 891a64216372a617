import pytest
from toy_models import toy_cards, toy_context

from goods.models.text.fasttext import FastTextConfig
from goods.models.text.fasttext_model import FastTextModel


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
