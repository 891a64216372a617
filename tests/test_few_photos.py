"""Models of photos where there are few or none: of fitted cards, of those asked about, of either alone."""

from __future__ import annotations

import numpy as np
import pytest
from toy_models import knn_config, photo_config, toy_cards, toy_context, toy_photos, with_trained

from goods.cards.images import ImageStore
from goods.models.image.image_model import ImageModel
from goods.models.joint.knn_model import KnnModel


@pytest.mark.parametrize("settings", [{}, {"places": True}, {"frozen": False, "backbone": "small_cnn"}])
def test_a_model_that_was_fitted_on_no_photo_sees_none(tmp_path, settings):
    weights = {"weights": "scratch"} if "backbone" in settings else {}
    model = ImageModel(
        photo_config(**settings, **weights), toy_context(tmp_path, images=ImageStore(tmp_path))
    )
    cards = toy_cards(32)
    model.fit(cards[:24], cards[24:])
    model.save(tmp_path)
    again = ImageModel(model.config, model.context)
    again.load(tmp_path)
    asked = toy_photos(tmp_path, toy_cards(4, 1))
    for one in (model, again):
        proba = one.predict(asked)
        assert np.allclose(proba, one.predict(asked.assign(image=None)), atol=1e-6)
        assert np.isfinite(proba).all()


def photo_neighbours(folder, layer):
    """48 cards with photos, and a model of neighbours in the vectors of a photo model trained on them."""
    cards = toy_photos(folder, toy_cards(48))
    context = with_trained(
        toy_context(folder, images=ImageStore(folder)), cards, folder, photo=photo_config()
    )
    return cards, KnnModel(knn_config(sources=[{"experiment": "photo", "layer": layer}]), context)


@pytest.mark.parametrize("layer", ["trained", "pretrained"])
def test_neighbours_of_cards_without_photos_are_looked_for_among_photos(tmp_path, layer):
    cards, model = photo_neighbours(tmp_path, layer)
    model.fit(cards[:40], cards[40:])
    without = model.predict(cards[:3].assign(image=None))
    assert np.allclose(without, without[0]) and without.shape == (3, 4)


@pytest.mark.parametrize("layer", ["trained", "pretrained"])
def test_photos_have_no_neighbours_among_cards_without(tmp_path, layer):
    cards, model = photo_neighbours(tmp_path, layer)
    model.fit(cards[:40].assign(image=None), cards[40:].assign(image=None))
    said = model.predict(cards[:3])
    assert np.allclose(said, said[0]) and said.shape == (3, 4)
