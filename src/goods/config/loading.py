"""Config files → validated, frozen configs.

reads:  configs/<competition>/<experiment>.yaml, configs/defaults/<experiment>.yaml, in the folder that is named and,
        where it has none, among those that come with the package
Unknown keys are an error. `--set a.b=c` overrides a key before validation.
"""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from goods.config.base import SCRATCH, StartingWeights
from goods.config.experiment import ExperimentConfig
from goods.config.refusals import refusals, told
from goods.config.strict_yaml import parsed_yaml
from goods.core.errors import GoodsError, SeveralErrors, together
from goods.core.log import say
from goods.core.meant import among, meant

DEFAULTS = "defaults"  # folder of the experiments that competitions share
COMPETITION = "competition.yaml"  # what makes a folder that of a competition
SHIPPED = (Path(__file__).parents[1] / "configs").resolve()  # of a checkout its configs/


def read_yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise GoodsError(f"{path}: no such config file; name one that is in {path.parent}")
    data = parsed_yaml(path.read_bytes(), str(path))
    if not isinstance(data, dict):
        raise GoodsError(f"{path}: expected a mapping of keys at the top level")
    return data


def override(data: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """Apply `a.b=c` settings, values read as YAML; a copy is returned."""
    data = copy.deepcopy(data)
    apply(data, settings)
    return data


def apply(data: dict[str, Any], settings: list[str]) -> None:
    """As `override`, in place; those that can be applied are, whatever is wrong with others."""
    with together() as apart:
        for setting in settings:
            with apart():
                key, equals, value = setting.partition("=")
                if not equals or not key:
                    raise GoodsError(f"--set {setting}: expected KEY=VALUE, for example --set model.C=0.5")
                set_key(data, key, parsed_yaml(value, f"--set {setting}"))


def set_key(data: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise GoodsError(f"key {dotted}: {parent} is not a mapping; set {parent} itself")
    data[last] = value


def validated(model: type[BaseModel], data: dict[str, Any], path: Path) -> Any:
    """GoodsError naming the file and each key where `data` is not what `model` takes."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise SeveralErrors(*told(refusals(error, data), str(path))) from None


def load_experiment(
    path: Path,
    settings: list[str] | None = None,
    offline: bool = False,
    text_weights: Path | None = None,
    image_weights: Path | None = None,
) -> ExperimentConfig:
    """One experiment, named as its file unless that gives a name; of the competition whose folder it lies in.

    `offline` replaces hub weights by what needs no network: the transformer starts from scratch, the image model takes
    the packaged weights; what then begins with random ones is told. Local folders or checkpoints win over both.
    """
    data = {"name": path.stem} | read_experiment(path)
    with together() as apart:
        with apart():
            apply(data, settings or [])
        config: ExperimentConfig = validated(ExperimentConfig, by_key(data), path)
    model = config.model.with_weights(StartingWeights(offline, text_weights, image_weights))
    if offline and is_random(model.model_dump()) and not is_random(config.model.model_dump()):
        tell_random(config.name)
    return config.model_copy(update={"model": model})


def is_random(model: dict[str, Any]) -> bool:
    """Whether a family, or a part of it, begins with random weights, as its settings have it."""
    parts = (part for part in model.values() if isinstance(part, dict))
    return model.get("weights") == SCRATCH or any(map(is_random, parts))


@cache
def tell_random(experiment: str) -> None:
    """Once, however often its config is read."""
    say(
        f"--offline: {experiment} begins with random weights, as those of its text encoder are on the hub; "
        "--text-weights DIR names a local folder of them"
    )


def read_experiment(path: Path) -> dict[str, Any]:
    """The keys of configs/<competition>/<experiment>.yaml.

    Where a competition has no such file, that of configs/defaults/ is its own; a file that names no family says only
    what is different from the default of its name. Files elsewhere (of a run) name their competition.
    """
    folder = path.parent
    folders = competition_folders(folder)
    if not any((place / COMPETITION).is_file() for place in folders):
        if not path.is_file():
            raise no_such_experiment(path)
        data = read_yaml(path)
        if folder.name == DEFAULTS:
            raise GoodsError(
                f"{path}: a default, of no competition; name {folder.parent}/COMPETITION/{path.name}"
            )
        return data
    defaults = [folder.parent / DEFAULTS, SHIPPED / DEFAULTS]
    own, default = first_with(path.name, folders), first_with(path.name, defaults)
    if own is None and default is None:
        known = among(path.stem, experiments_in(*folders, *defaults))
        raise GoodsError(f"{path}: no such config file; known are {known}")
    data = read_yaml(own or default or path)
    if "family" not in (data.get("model") or {}) and default is not None:
        data = laid_over(read_yaml(default), data)
    return data | {
        "name": own_name(data, "name", path.stem, path, "file"),
        "competition": own_name(data, "competition", folder.name, path, "folder"),
    }


def competition_in(path: Path) -> str:
    """The competition of the experiment at `path`, whatever else its file says; "" where it says none."""
    named = read_experiment(path).get("competition")
    return named if isinstance(named, str) else ""


def no_such_experiment(path: Path) -> GoodsError:
    """Of a path that lies in no competition's folder."""
    configs = path.parent.parent
    in_configs = configs.name == SHIPPED.name or any(configs.glob(f"*/{COMPETITION}"))
    if in_configs and path.parent.name != DEFAULTS:
        return unknown_competition(path.parent.name, configs)
    if path.parent != Path() and (there := experiments_in(path.parent)):
        known = among(path.stem, there)
        return GoodsError(f"{path}: no such config file; name one that is in {path.parent}: {known}")
    known = among(path.stem, experiments_in(SHIPPED / DEFAULTS))
    return GoodsError(
        f"{path}: no such config file; name configs/COMPETITION/EXPERIMENT.yaml, of the experiments known are {known}"
    )


def experiments_in(*folders: Path) -> list[str]:
    found = {path.stem for folder in folders for path in folder.glob("*.yaml")}
    return sorted(found - {Path(COMPETITION).stem})


def unknown_competition(name: str, configs: Path) -> GoodsError:
    known = competitions_in(configs)
    return GoodsError(
        f"unknown competition {name!r}: known are {', '.join(known)} (folders of {configs}){meant(name, known)}"
    )


def competitions_in(configs: Path) -> list[str]:
    """Names of the competitions that have configs there or come with the package."""
    return sorted(
        {path.parent.name for place in (configs, SHIPPED) for path in place.glob(f"*/{COMPETITION}")}
    )


def competition_folders(folder: Path) -> list[Path]:
    """Where the files of the competition that `folder` is named after are, those that come first before others: of one
    that comes with the package `folder` needs to hold only what it does otherwise."""
    shipped = SHIPPED / folder.name
    own = (folder / COMPETITION).is_file() or folder.parent.name != SHIPPED.name
    return [folder] if own or not (shipped / COMPETITION).is_file() else [folder, shipped]


def first_with(name: str, folders: list[Path]) -> Path | None:
    """The first file of that name."""
    return next((place / name for place in folders if (place / name).is_file()), None)


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`below` with the keys of `above` in place of its own, mappings key by key."""
    return below | {
        key: laid_over(below[key], value)
        if isinstance(value, dict) and isinstance(below.get(key), dict)
        else value
        for key, value in above.items()
    }


def by_key(value: Any) -> Any:
    """Mappings in the order of their keys: where a key stands in a file changes nothing (weights are drawn field by
    field, parameters of a study one after another)."""
    if isinstance(value, dict):
        return {key: by_key(value[key]) for key in sorted(value, key=str)}
    return [by_key(item) for item in value] if isinstance(value, list) else value


def own_name(data: dict[str, Any], key: str, name: str, path: Path, named_by: str) -> str:
    """The `name` that its file or folder gives; GoodsError where the text of the file at `path` says another."""
    if data.get(key, name) != name:
        raise GoodsError(
            f"{path}: {key} is {data[key]!r}, its {named_by} {name!r}; remove that line: the {named_by} names it"
        )
    return name


def dump(config: BaseModel) -> str:
    """YAML that `load_experiment` reads back to the same config."""
    return yaml.safe_dump(config.model_dump(mode="json"), allow_unicode=True, sort_keys=False)
