"""What presets train, and experiments of theirs that cannot work."""

import shutil
import sys

import pytest
import yaml
from conftest import ROOT, small_configs, write_shop

from goods.competitions.loading import load_competition
from goods.core.errors import GoodsError
from goods.pipeline import run_all
from goods.presets import Options, check_configs, load_preset

QUICK = ["linear-tuned", "fasttext", "navec", "knn", "image-frozen"]
FULL = ["linear-tuned", "fasttext", "navec", "knn", "transformer", "image"]
ATTRIBUTES = ["linear", "fasttext", "navec", "knn", "image-frozen", "fusion"]


@pytest.mark.parametrize(
    ("name", "preset", "expected", "with_local_text"),
    [
        ("kazanexpress2023", "quick", QUICK, ["transformer-frozen"]),
        ("kazanexpress2023", "full", FULL, []),
        ("kazanexpress2022", "quick", QUICK, ["transformer-frozen"]),
        ("demo", "quick", QUICK, ["transformer-frozen"]),
        ("wildberries", "quick", ATTRIBUTES, ["transformer-frozen"]),
        (
            "wildberries",
            "full",
            ["linear", "fasttext", "navec", "knn", "transformer", "image", "fusion", "clip", "coca"],
            [],
        ),
        ("ozon", "quick", ["words"], ["bi-encoder-frozen"]),
        ("ozon", "full", ["words", "cross-encoder", "bi-encoder"], ["bi-encoder-frozen"]),
    ],
)
def test_what_a_preset_trains_and_what_a_local_text_encoder_adds(
    tmp_path, name, preset, expected, with_local_text
):
    for weights, added in ((None, []), (tmp_path, with_local_text)):
        chosen = Options(
            configs=ROOT / "configs", work=tmp_path, out=tmp_path, preset=preset, text_weights=weights
        )
        config = load_preset(chosen, name)
        assert list(config.model.experiments) == [*expected, *added]
        check_configs(chosen, load_competition(name, chosen.configs), config)


@pytest.mark.parametrize(
    ("experiments", "message"),
    [
        (["linear", "words"], "family pair_words is for a competition that matches products"),
        (["linear", "joined"], "stack: joined is of family stack itself; name its experiments"),
        (["linear", "sklearn-logreg"], r"models are kept by skops, .+; pip install 'goods\[sklearn\]'"),
    ],
)
def test_an_experiment_that_cannot_work_is_refused_before_anything_is_done(
    tmp_path, experiments, message, monkeypatch
):
    monkeypatch.setitem(sys.modules, "skops", None)
    name = "kazanexpress2023"
    configs = small_configs(tmp_path / "configs", name, experiments)
    shop = write_shop(tmp_path / "shop")
    chosen = Options(configs=configs, work=tmp_path / "work", out=tmp_path / "out", data=shop)
    shutil.copy(ROOT / "configs" / "ozon" / "words.yaml", chosen.configs / name)
    (configs / name / "joined.yaml").write_text("model: {family: stack, experiments: [linear]}\n")
    with pytest.raises(GoodsError, match=message):
        run_all(name, chosen)
    assert not chosen.work.exists()


def test_experiments_that_build_on_each_other_or_lack_a_study_are_refused_at_once(tmp_path, shop):
    folder = small_configs(tmp_path / "circle", "kazanexpress2023", ["a"]) / "kazanexpress2023"
    model = yaml.safe_load((folder / "linear.yaml").read_text())["model"]
    for name, other in (("a", "b"), ("b", "a")):
        pseudo = {"model": model, "pseudo": {"experiments": [other]}}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(pseudo))
    chosen = Options(configs=folder.parent, work=tmp_path / "nothing", out=tmp_path / "out", data=shop)
    with pytest.raises(GoodsError, match="experiment a builds on itself through b"):
        run_all("kazanexpress2023", chosen)
    (folder / "stack.yaml").write_text(
        yaml.safe_dump({"model": {"family": "stack", "experiments": ["fasttext-raw-tuned"]}})
    )
    with pytest.raises(GoodsError, match="fasttext-raw has no tune: block"):
        run_all("kazanexpress2023", chosen)
    assert not (tmp_path / "nothing" / "kazanexpress2023").exists()
