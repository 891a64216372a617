"""Models of photos where there are few or none: of fitted cards, of those asked about, of either alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from toy_models import knn_config, photo_config, toy_cards, toy_context, toy_photos, trainer, with_trained

from goods.cards.images import ImageStore
from goods.core.errors import GoodsError
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


def with_and_without(folder, photos: int = 32):
    """Cards with photos, and as many again without, of other class shares."""
    cards = toy_photos(folder, toy_cards(2 * photos))
    cards = cards[cards.image.notna()].head(photos)
    bare = toy_cards(photos, 5).assign(target=np.int32([0] * 24 + [1] * 8), image=None)
    return cards, bare


@pytest.mark.parametrize("settings", [{}, {"places": True}])
def test_cards_without_a_photo_have_the_class_shares_of_their_kind_and_teach_the_network_nothing(
    tmp_path, settings
):
    cards, bare = with_and_without(tmp_path)
    inner = toy_photos(tmp_path, toy_cards(16, 3))
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    config = photo_config(trainer=trainer(epochs=2), **settings)
    model, alone = ImageModel(config, context), ImageModel(config, context)
    model.warm(pd.concat([cards, inner]))
    model.fit(pd.concat([bare, cards], ignore_index=True), inner)
    alone.fit(cards, inner[inner.image.notna()])
    for name, value in alone.net.state_dict().items():
        assert torch.equal(value, model.net.state_dict()[name]), name
    assert model.temperature == alone.temperature
    # 32 cards without a photo, and one more a class as all 64 are distributed
    of_all = np.bincount(np.concatenate([bare.target, cards.target]), minlength=4) + 1
    expected = (np.array([24, 8, 0, 0]) + 4 * of_all / of_all.sum()) / 36
    mixed = pd.concat([bare[:3], cards[:3], bare[3:5]], ignore_index=True)
    proba = model.predict(mixed)
    without = mixed.image.isna().to_numpy()
    np.testing.assert_allclose(proba[without], np.tile(expected, (5, 1)), rtol=1e-5)
    np.testing.assert_array_equal(proba[~without], alone.predict(cards[:3]))
    model.save(tmp_path / "saved")
    again = ImageModel(config, context)
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict(mixed), proba)


def test_photos_are_seen_as_often_as_if_all_cards_were_where_steps_are_bounded(tmp_path):
    cards, bare = with_and_without(tmp_path)
    how = trainer(epochs=9, batch_size=8, max_steps=24)
    for given, epochs in ((cards, 6), (pd.concat([cards, bare], ignore_index=True), 3)):
        folder = tmp_path / str(epochs)
        model = ImageModel(photo_config(trainer=how), toy_context(folder, images=ImageStore(tmp_path)))
        model.fit(given, None)
        assert model.epochs == epochs  # of four batches of photos


def test_a_fit_of_cards_without_photos_still_wants_their_targets(tmp_path):
    cards, bare = with_and_without(tmp_path)
    model = ImageModel(photo_config(), toy_context(tmp_path, images=ImageStore(tmp_path)))
    with pytest.raises(GoodsError, match="all of them with a target"):
        model.fit(pd.concat([cards, bare.assign(target=np.int32(-1))]), None)


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
