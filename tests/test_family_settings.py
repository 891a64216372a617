"""Settings of families: what no training could use is refused before any; weights that the command line names."""

import pytest
from conftest import ROOT

from goods.config.loading import load_experiment, tell_random
from goods.core.errors import GoodsError

CONFIGS = ROOT / "configs" / "kazanexpress2023"


@pytest.mark.parametrize(
    ("family", "setting", "message"),
    [
        ("linear", "fields={}", "model.fields"),
        ("linear", "fields.name.weight=1", "cards have no text 'name'; known are title"),
        ("linear", "fields.title.chars=[5, 2]", r"is \[5, 2\], expected \[SHORTEST, LONGEST\]"),
        ("linear", "fields.title.words=[0, 1]", r"is \[0, 1\], expected \[SHORTEST, LONGEST\]"),
        ("linear", "fields.shop.words=null", "words and chars are both null; leave the field out"),
        ("linear", "C=.inf", "key 'model.C': is .inf, expected a finite number"),
        ("linear", "fields.title.weight=1e300", "expected 1000000 or less"),
        ("fasttext", "dim=3000000000", r"key 'model.dim': is \d+, expected (less than )?\d"),
        ("fasttext", "buckets=3000000000", r"key 'model.buckets': is \d+, expected (less than )?\d"),
        ("fasttext", "min_count=3000000000", r"key 'model.min_count': is \d+, expected (less than )?\d"),
        ("fasttext", "word_ngrams=1000000", r"key 'model.word_ngrams': is \d+, expected (less than )?\d"),
        ("fasttext", "title_repeat=1000000", r"key 'model.title_repeat': is \d+, expected (less than )?\d"),
        ("fasttext", "balance=1000000000", r"key 'model.balance': is \d+, expected (less than )?\d"),
        ("linear", "C=true", "key 'model.C': is true, expected a number"),
        ("fasttext", "fields=[]", "model.fields"),
        ("fasttext", "fields=[title, title]", "names 'title' twice; leave one out"),
        ("transformer", "fields=[title, brand]", "cards have no text 'brand'"),
        ("student", "fields.title.chars=[3, 1]", r"is \[3, 1\], expected"),
        (
            "student",
            "structure=forest",
            "key 'model.structure': is 'forest', expected 'flat', 'tree', 'network' or 'auto'",
        ),
        ("student", "trainer.epochs=0", "key 'model.trainer.epochs': is 0, expected 1 or more"),
        ("sklearn-logreg", "fields.brand.weight=1", "cards have no text 'brand'"),
    ],
)
def test_a_setting_that_no_training_could_use_is_named_before_any(family, setting, message):
    with pytest.raises(GoodsError, match=message):
        load_experiment(CONFIGS / f"{family}.yaml", [f"model.{setting}"])


def test_what_begins_with_random_weights_is_told_once_where_offline_makes_it(capsys):
    tell_random.cache_clear()
    transformer = CONFIGS / "transformer.yaml"
    for settings in (["model.weights=scratch"], None, None):
        load_experiment(transformer, settings, offline=True)
    load_experiment(CONFIGS / "linear.yaml", offline=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("--offline: transformer begins with random weights")


def test_offline_replaces_hub_weights_and_local_weights_win(tmp_path):
    transformer = CONFIGS / "transformer.yaml"
    image = CONFIGS / "image.yaml"
    assert load_experiment(transformer, offline=True).model.weights == "scratch"
    assert load_experiment(transformer, offline=True, text_weights=tmp_path).model.weights == str(tmp_path)
    packaged = load_experiment(image, offline=True).model
    assert (packaged.weights, packaged.backbone) == ("packaged", "tf_efficientnet_lite0")


def test_local_image_weights_are_a_file_or_a_folder_that_may_name_its_backbone(tmp_path):
    image = CONFIGS / "image-frozen.yaml"
    file = tmp_path / "model.safetensors"
    with pytest.raises(GoodsError, match="holds neither"):
        load_experiment(image, image_weights=tmp_path)
    file.touch()
    plain = load_experiment(image, image_weights=file).model
    assert (plain.weights, plain.backbone) == (str(file), "tf_efficientnet_lite0")
    (tmp_path / "config.json").write_text('{"architecture": "resnet10t"}')
    named = load_experiment(image, offline=True, image_weights=tmp_path).model
    assert (named.weights, named.backbone) == (str(file), "resnet10t")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(GoodsError, match="not JSON"):
        load_experiment(image, image_weights=tmp_path)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.text={experiment: navec, start: fresh, tune: false}", "starts fresh has to be tuned"),
        ("model.text={experiment: navec, drop: 0.8}", "lose both sides"),
        ("model.join=added", "model.join"),
        ("model.width=10", "model.width"),
    ],
)
def test_a_fusion_that_cannot_work_is_refused(setting, message):
    with pytest.raises(GoodsError, match=message):
        load_experiment(CONFIGS / "fusion.yaml", [setting])


def test_image_weights_leave_what_starts_from_scratch_alone(tmp_path):
    (tmp_path / "model.safetensors").touch()
    small = CONFIGS / "image-small-cnn.yaml"
    assert load_experiment(small, image_weights=tmp_path).model.weights == "scratch"
