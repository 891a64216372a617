"""Config files → validated, frozen configs.

reads:  configs/<competition>/competition.yaml, configs/<competition>/<experiment>.yaml
Unknown keys are an error. `--set a.b=c` overrides a key before validation.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from goods.config.base import PACKAGED, SCRATCH
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.errors import GoodsError
from goods.models.image.image import ImageConfig
from goods.models.joint.contrastive import ContrastiveConfig
from goods.models.text.transformer import TransformerConfig


def read_yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise GoodsError(f"{path}: no such config file; `ls {path.parent}` shows what there is")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise GoodsError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise GoodsError(f"{path}: expected a mapping of keys at the top level")
    return data


def override(data: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """Apply `a.b=c` settings, values read as YAML; a copy is returned."""
    data = yaml.safe_load(yaml.safe_dump(data))
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise GoodsError(f"--set {setting}: expected KEY=VALUE, for example --set model.C=0.5")
        set_key(data, key, yaml.safe_load(value))
    return data


def set_key(data: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise GoodsError(f"key {dotted}: {parent} is not a mapping")
    data[last] = value


def _validated(model: type[BaseModel], data: dict[str, Any], path: Path) -> Any:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        # the discriminator of a union stands in the location as the family's name: not a key of the file
        where = ".".join(str(part) for part in first["loc"])
        family = data.get("model", {}).get("family") if isinstance(data.get("model"), dict) else None
        where = where.replace(f"model.{family}.", "model.")
        if first["type"] == "extra_forbidden":
            raise GoodsError(f"{path}: unknown key {where!r}; check its spelling") from None
        raise GoodsError(f"{path}: key {where!r}: {first['msg']}") from None


def load_competition(name: str, configs: Path) -> CompetitionConfig:
    """`name` is a folder of `configs`, or folder/target for one attribute of a competition with several."""
    name, _, target = name.partition("/")
    path = configs / name / "competition.yaml"
    if not path.is_file():
        known = sorted(p.parent.name for p in configs.glob("*/competition.yaml"))
        raise GoodsError(f"unknown competition {name!r}: known are {', '.join(known)} (folders of {configs})")
    config: CompetitionConfig = _validated(CompetitionConfig, read_yaml(path), path)
    return config.of_target(target) if target else config


def load_experiment(
    path: Path,
    settings: list[str] | None = None,
    offline: bool = False,
    text_weights: Path | None = None,
    image_weights: Path | None = None,
) -> ExperimentConfig:
    """Read one experiment file; the name is the file's stem unless the file gives one.

    `offline` replaces hub weights by what needs no network: the transformer starts from scratch,
    the image model takes the packaged weights. Local folders or checkpoints win over both.
    """
    data = override(read_yaml(path), settings or [])
    data.setdefault("name", path.stem)
    config = _validated(ExperimentConfig, data, path)
    parts: list[tuple[Any, dict[str, Any]]] = [(config.model, data["model"])]
    if isinstance(config.model, ContrastiveConfig):
        parts = [(getattr(config.model, side), data["model"][side]) for side in ("text", "image")]
    for part, keys in parts:
        if isinstance(part, TransformerConfig):
            if text_weights:
                keys["weights"] = str(text_weights.resolve())
            elif offline and not Path(part.weights).exists():
                keys["weights"] = SCRATCH
        if isinstance(part, ImageConfig):
            if image_weights and part.weights != SCRATCH:
                keys |= local_image_weights(image_weights)
            elif offline and part.weights == "hub":
                keys |= {"weights": PACKAGED, "backbone": "tf_efficientnet_lite0"}
    return _validated(ExperimentConfig, data, path)


def local_image_weights(path: Path) -> dict[str, str]:
    """Config keys for a local timm checkpoint: a file, or a folder as `timm` and the hub lay it out.

    A config.json beside the checkpoint names the backbone; without one the experiment's backbone stays.
    """
    folder, file = path.parent, path
    if path.is_dir():
        names = ("model.safetensors", "pytorch_model.bin")
        found = [path / n for n in names if (path / n).is_file()]
        if not found:
            raise GoodsError(f"{path}: holds neither {' nor '.join(names)}; name the checkpoint file itself")
        folder, file = path, found[0]
    keys = {"weights": str(file.resolve())}
    try:
        described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if isinstance(described, dict) and isinstance(described.get("architecture"), str):
            keys["backbone"] = described["architecture"]
    except FileNotFoundError:
        pass
    except ValueError:
        raise GoodsError(
            f"{folder / 'config.json'}: not JSON; mend it or name the checkpoint elsewhere"
        ) from None
    return keys


def dump(config: BaseModel) -> str:
    """YAML that `load_experiment` reads back to the same config."""
    return yaml.safe_dump(config.model_dump(mode="json"), allow_unicode=True, sort_keys=False)
