from pathlib import Path

import pytest
import yaml

from goods.competitions.loading import load_competition
from goods.config.loading import dump, load_experiment, override
from goods.core.errors import GoodsError

CONFIGS = Path(__file__).parents[1] / "configs"
EXPERIMENTS = sorted(p for p in CONFIGS.glob("*/*.yaml") if p.stem != "competition")


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_config_of_the_repository_is_valid_and_round_trips(path, tmp_path):
    config = load_experiment(path)
    assert config.competition == path.parent.name
    assert config.name == path.stem
    written = tmp_path / "again.yaml"
    written.write_text(dump(config), encoding="utf-8")
    assert load_experiment(written) == config


@pytest.mark.parametrize("name", ["demo", "kazanexpress2023", "kazanexpress2022"])
def test_every_competition_is_valid_and_named_as_its_folder(name):
    assert load_competition(name, CONFIGS).name == name


def experiment(tmp_path, **model):
    data = yaml.safe_load((CONFIGS / "demo" / "linear.yaml").read_text(encoding="utf-8"))
    data["model"] |= model
    path = tmp_path / "linear.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def test_a_mistyped_key_is_named(tmp_path):
    with pytest.raises(GoodsError, match=r"linear\.yaml: unknown key 'model\.structur'"):
        load_experiment(experiment(tmp_path, structur="flat"))


def test_a_value_out_of_range_is_named(tmp_path):
    with pytest.raises(GoodsError, match=r"key 'model\.C'"):
        load_experiment(experiment(tmp_path, C=-1))


def test_settings_override_values_and_need_an_equals_sign(tmp_path):
    path = experiment(tmp_path)
    config = load_experiment(path, ["model.C=0.25", "model.fields.title.weight=2"])
    assert (config.model.C, config.model.fields["title"].weight) == (0.25, 2)
    with pytest.raises(GoodsError, match="KEY=VALUE"):
        load_experiment(path, ["model.C"])
    assert override({"a": {"b": 1}}, ["a.b=2"]) == {"a": {"b": 2}}


def test_broken_yaml_and_missing_files_are_told(tmp_path):
    (tmp_path / "x.yaml").write_text("a: [1")
    with pytest.raises(GoodsError, match="not readable as YAML"):
        load_experiment(tmp_path / "x.yaml")
    with pytest.raises(GoodsError, match="no such config"):
        load_experiment(tmp_path / "none.yaml")


def test_offline_replaces_hub_weights_and_local_weights_win(tmp_path):
    transformer = CONFIGS / "kazanexpress2023" / "transformer.yaml"
    image = CONFIGS / "kazanexpress2023" / "image.yaml"
    assert load_experiment(transformer, offline=True).model.weights == "scratch"
    assert load_experiment(transformer, offline=True, text_weights=tmp_path).model.weights == str(tmp_path)
    packaged = load_experiment(image, offline=True).model
    assert (packaged.weights, packaged.backbone) == ("packaged", "tf_efficientnet_lite0")


def test_local_image_weights_are_a_file_or_a_folder_that_may_name_its_backbone(tmp_path):
    image = CONFIGS / "kazanexpress2023" / "image-frozen.yaml"
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
        load_experiment(CONFIGS / "kazanexpress2023" / "fusion.yaml", [setting])


def test_image_weights_leave_what_starts_from_scratch_alone(tmp_path):
    (tmp_path / "model.safetensors").touch()
    small = CONFIGS / "kazanexpress2023" / "image-small-cnn.yaml"
    assert load_experiment(small, image_weights=tmp_path).model.weights == "scratch"
