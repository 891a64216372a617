"""Frozen, validated configuration of competitions and experiments.

reads:  configs/<competition>/competition.yaml, configs/<competition>/<experiment>.yaml
Unknown keys are an error. `--set a.b=c` overrides a key before validation.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from goods.errors import GoodsError

SCRATCH = "scratch"
PACKAGED = "packaged"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FamilyConfig(Strict):
    """What every model family's config has."""

    @property
    def upstream(self) -> tuple[str, ...]:
        """Experiments this one builds on, fold by fold; they are trained first."""
        return ()

    @property
    def scored_by(self) -> tuple[str, ...]:
        """Experiments whose predictions, out of fold for train rows, are features; they are trained first."""
        return ()


class FieldFeatures(Strict):
    """TF-IDF of one text field; n-gram ranges are inclusive, null leaves that analyser out."""

    weight: float = Field(1.0, gt=0)
    words: tuple[int, int] | None = (1, 1)
    chars: tuple[int, int] | None = None
    max_features: int = Field(300_000, ge=1)


class LinearConfig(FamilyConfig):
    family: Literal["linear"]
    structure: Literal["tree", "flat"] = "tree"
    fields: dict[str, FieldFeatures]
    C: float = Field(1.0, gt=0)
    char_min_df: int = Field(2, ge=1)


class FastTextConfig(FamilyConfig):
    family: Literal["fasttext"]
    variant: Literal["raw", "cleaned"] = "raw"
    balance: int | None = Field(None, ge=1, description="cards per class after under- and over-sampling")
    title_repeat: int = Field(2, ge=1, description="how often the title stands in the text")
    title_window: int | None = Field(None, ge=1, description="only its first words are repeated; null: all")
    fields: tuple[str, ...] = ("title", "shop", "attributes", "description")
    max_words: int = Field(200, ge=1)
    lr: float = Field(0.5, gt=0)
    epochs: int = Field(40, ge=1)
    dim: int = Field(64, ge=1)
    word_ngrams: int = Field(2, ge=1)
    min_count: int = Field(1, ge=1)
    buckets: int = Field(200_000, ge=1)
    loss: Literal["softmax", "hs", "ova"] = "softmax"
    min_epochs: int = Field(5, ge=1)
    max_updates: int = Field(
        1_000_000, ge=1, description="epochs are lowered so that cards × epochs stays below"
    )
    calibrate: bool = Field(True, description="fit the temperature on the inner split: one more training")


class TrainerConfig(Strict):
    """How a neural family is trained; shared by all of them."""

    epochs: int = Field(20, ge=1)
    max_steps: int | None = Field(None, ge=1, description="batches at most: fewer epochs of many cards")
    batch_size: int = Field(128, ge=1)
    lr: float = Field(1e-3, gt=0)
    encoder_lr: float | None = Field(None, gt=0, description="learning rate of pre-trained weights")
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="encoder_lr's factor per layer, from the top down"
    )
    weight_decay: float = Field(0.01, ge=0)
    warmup_share: float = Field(0.1, ge=0, lt=1)
    clip: float = Field(1.0, gt=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    rdrop: float = Field(0.0, ge=0, description="weight of R-Drop: two dropout masks must agree")
    ema: float | None = Field(None, gt=0, lt=1)
    soup: int = Field(1, ge=1, description="best epochs averaged while the inner split gains (greedy soup)")
    class_balance: float = Field(
        0.0, ge=0, le=1, description="cards are drawn with count(class) ** -this; 0: each once an epoch"
    )
    patience: int = Field(3, ge=1)
    stop_after: int | None = Field(
        None, ge=1, description="epochs trained, though rates fall over `epochs`; a refit sets it"
    )
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = "auto"


class NavecConfig(FamilyConfig):
    family: Literal["navec"]
    vectors: str = PACKAGED
    tune_vectors: bool = False
    head: Literal["pooled", "textcnn", "attention"] = "attention"
    lemmatizer: Literal["pymorphy3", "natasha", "none"] = "pymorphy3"
    subword_buckets: int = Field(20_000, ge=1)
    fields: dict[str, int] = Field(description="field → most tokens kept")
    width: int = Field(64, ge=4, description="of a word's vector after the projection")
    hidden: int = Field(256, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    word_dropout: float = Field(0.1, ge=0, lt=1)
    trainer: TrainerConfig


class MlmConfig(Strict):
    """Masked-LM warm-up on the texts of all cards, labels unused."""

    epochs: int = Field(3, ge=1)
    batch_size: int = Field(64, ge=1)
    lr: float = Field(2e-4, gt=0)
    mask_share: float = Field(0.15, gt=0, lt=1)
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = "auto"


class TransformerConfig(FamilyConfig):
    family: Literal["transformer"]
    weights: str = Field(description="hub name, local folder or 'scratch'")
    scratch_vocab: int = Field(20_000, ge=100)
    scratch_layers: int = Field(3, ge=1)
    scratch_width: int = Field(312, ge=12)
    prefix: str = ""
    fields: tuple[str, ...] = ("title", "shop", "attributes", "description")
    max_tokens: int = Field(128, ge=8, le=512)
    frozen: bool = False
    train_layers: int | None = Field(None, ge=0, description="layers tuned, from the top; null: all")
    mlm: MlmConfig | None = None
    hidden: int = Field(512, ge=1, description="of the head on frozen vectors")
    dropout: float = Field(0.1, ge=0, lt=1)
    trainer: TrainerConfig


class CrossEncoderConfig(TransformerConfig):
    """Reads both products of a pair at once: names, differing attributes, colours."""

    family: Literal["cross_encoder"]  # type: ignore[assignment]
    fields: tuple[str, ...] = ("title",)
    layers: int | None = Field(
        None, ge=1, description="lowest layers of the encoder that are used; null: all"
    )

    @model_validator(mode="after")
    def is_tuned(self) -> CrossEncoderConfig:
        if self.frozen or self.mlm or self.fields != ("title",):
            raise ValueError("a cross_encoder is tuned and reads names: frozen, mlm and fields do not apply")
        return self


class BiEncoderConfig(TransformerConfig):
    """One vector per product; matches get near ones. With `frozen` the encoder stays as it is."""

    family: Literal["bi_encoder"]  # type: ignore[assignment]
    fields: tuple[str, ...] = ("title",)
    layers: int | None = Field(
        None, ge=1, description="lowest layers of the encoder that are used; null: all"
    )
    temperature: float = Field(0.05, gt=0, description="of the cosines in training")

    @model_validator(mode="after")
    def has_no_warm_up(self) -> BiEncoderConfig:
        if self.mlm or self.fields != ("title",):
            raise ValueError("a bi_encoder reads names: mlm and fields do not apply")
        if self.frozen and self.layers is not None:
            raise ValueError("layers does not apply to a frozen bi_encoder")
        return self


class PairWordsConfig(FamilyConfig):
    """Logistic regression over the words that both names of a pair have and those that only one has."""

    family: Literal["pair_words"]
    C: float = Field(0.1, gt=0)
    min_pairs: int = Field(2, ge=1, description="train pairs that a word must tell something about")


PairFeatures = Literal[
    "strings", "tfidf", "attributes", "colours", "categories", "pictures", "price", "graph", "catalogue"
]


class PairsConfig(FamilyConfig):
    """CatBoost over features of pairs and over what other experiments say of them."""

    family: Literal["pairs"]
    features: tuple[PairFeatures, ...] = Field(
        get_args(PairFeatures), min_length=1, description="groups of features"
    )
    experiments: tuple[str, ...] = Field((), description="their out-of-fold scores are features")
    iterations: int = Field(1500, ge=1)
    depth: int = Field(6, ge=1, le=12)
    learning_rate: float = Field(0.05, gt=0)
    l2_leaf_reg: float = Field(5.0, ge=0)
    feature_share: float = Field(0.5, gt=0, le=1, description="features tried at each split, drawn at random")
    random_strength: float = Field(1.0, ge=0)
    patience: int = Field(100, ge=1)
    bags: int = Field(1, ge=1, description="boosters of different seeds, averaged")
    calibration: Literal["none", "temperature", "platt", "isotonic"] = "temperature"
    cleanup: bool = Field(
        True,
        description="a score gives way where a third product matches one of both, as far as honest folds gain",
    )

    @property
    def scored_by(self) -> tuple[str, ...]:
        return self.experiments


class ImageConfig(FamilyConfig):
    family: Literal["image"]
    backbone: str = Field(description="any timm name, or small_cnn")
    weights: str = Field(
        description="'hub', 'packaged' (tf_efficientnet_lite0), 'scratch' or a checkpoint file"
    )
    size: int = Field(128, ge=16)
    frozen: bool = True
    places: bool = Field(
        False, description="frozen: keep what stands at each place of the last map, not pooled"
    )
    train_layers: int | None = Field(None, ge=0, description="stages tuned, from the top; null: all")
    flip_test: bool = True
    hidden: int = Field(256, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    trainer: TrainerConfig

    @model_validator(mode="after")
    def places_are_not_mirrored(self) -> ImageConfig:
        if self.places and (self.flip_test or not self.frozen):
            raise ValueError(
                "places needs frozen: true and flip_test: false: a mirrored map has other places"
            )
        return self


class SideConfig(Strict):
    """One side of a fusion: a text or image experiment, as its fold was trained or begun anew."""

    experiment: str
    start: Literal["fold", "fresh"] = "fold"
    tune: bool = Field(True, description="false: its vectors are computed once and kept as they are")
    drop: float = Field(0.1, ge=0, lt=1, description="share of train cards whose side is hidden")

    @model_validator(mode="after")
    def something_trained(self) -> SideConfig:
        if self.start == "fresh" and not self.tune:
            raise ValueError("a side that starts fresh has to be tuned: set tune to true or start to fold")
        return self


class FusionConfig(FamilyConfig):
    family: Literal["fusion"]
    text: SideConfig
    image: SideConfig
    join: Literal["concatenate", "gated", "cross"] = "concatenate"
    width: int = Field(256, ge=8, multiple_of=4, description="of each side's vector where they meet")
    hidden: int = Field(256, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    trainer: TrainerConfig

    @model_validator(mode="after")
    def one_side_stays(self) -> FusionConfig:
        if self.text.drop + self.image.drop > 1:
            raise ValueError(
                "text.drop and image.drop add up to more than 1: some cards would lose both sides"
            )
        return self

    @property
    def upstream(self) -> tuple[str, ...]:
        return (self.text.experiment, self.image.experiment)


class SourceConfig(Strict):
    """Vectors that neighbours are looked for in."""

    experiment: str
    layer: Literal["trained", "pretrained"] = Field(
        "trained", description="last hidden layer of the fold's model, or the frozen encoder's own vectors"
    )
    weight: float = Field(1.0, gt=0, description="of its cosine where several are joined")


class KnnConfig(FamilyConfig):
    family: Literal["knn"]
    sources: tuple[SourceConfig, ...] = Field(min_length=1)
    neighbours: int = Field(32, ge=1)
    index: Literal["auto", "exact", "hnsw"] = "auto"
    exact_up_to: int = Field(150_000, ge=0, description="cards that 'auto' still compares one by one")
    links: int = Field(32, ge=4, description="hnsw: neighbours of a node")
    effort: int = Field(200, ge=1, description="hnsw: candidates kept while building and searching")

    @property
    def upstream(self) -> tuple[str, ...]:
        return tuple(source.experiment for source in self.sources)


class CaptionConfig(FamilyConfig):
    """CoCa's text side: decoders that read a card's text and, with the photo, predict it word by word."""

    family: Literal["caption"]
    tokens: Literal["subword", "navec"] = Field(
        "subword", description="byte-pair pieces, or lemmas that begin with their packaged Navec vectors"
    )
    vocabulary: int = Field(8_000, ge=100, description="tokens that are told apart")
    lemmatizer: Literal["pymorphy3", "natasha", "none"] = "pymorphy3"
    fields: tuple[str, ...] = ("title", "attributes")
    max_tokens: int = Field(32, ge=4)
    width: int = Field(256, ge=8)
    heads: int = Field(4, ge=1)
    layers: int = Field(2, ge=1, description="of text alone")
    joint_layers: int = Field(2, ge=1, description="of text that looks at the photo")
    queries: int = Field(8, ge=1, description="vectors that stand for a photo while it is captioned")
    dropout: float = Field(0.1, ge=0, lt=1)
    weight: float = Field(2.0, ge=0, description="of the caption's loss beside the contrastive one")
    trainer: TrainerConfig

    @model_validator(mode="after")
    def heads_divide_the_width(self) -> CaptionConfig:
        if self.width % self.heads:
            raise ValueError(f"heads {self.heads} do not divide width {self.width}")
        return self


class ContrastiveConfig(FamilyConfig):
    """Text and photo in one space, learned on all cards without labels (`pretrain`), then a head per fold."""

    family: Literal["contrastive"]
    text: NavecConfig | TransformerConfig | CaptionConfig = Field(
        discriminator="family", description="an encoder (CLIP), or caption decoders (CoCa)"
    )
    image: ImageConfig
    width: int = Field(256, ge=8, description="of the common space")
    temperature: float = Field(0.07, gt=0, description="of the similarities at the start; it is learned")
    chunk: int = Field(64, ge=1, description="cards of a batch whose activations are in memory at once")
    holdout: float = Field(0.05, gt=0, lt=0.5, description="share of the cards that only measures retrieval")
    pretrain: TrainerConfig
    tune: bool = Field(
        False, description="both encoders are tuned on the fold; false: vectors are kept as they are"
    )
    hidden: int = Field(256, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    trainer: TrainerConfig

    @model_validator(mode="before")
    @classmethod
    def sides_share_the_trainer(cls, data: Any) -> Any:
        """The encoders are trained together: they need no trainer of their own."""
        if not isinstance(data, dict):
            return data
        sides = {
            side: {"trainer": data.get("pretrain"), **data[side]}
            for side in ("text", "image")
            if isinstance(data.get(side), dict)
        }
        return data | sides


StackMethod = Literal[
    "best_single", "uniform", "weighted", "greedy", "blend", "logistic", "catboost", "multiclass"
]


class StackConfig(FamilyConfig):
    family: Literal["stack"]
    experiments: tuple[str, ...] = Field(min_length=1)
    methods: tuple[StackMethod, ...] = Field(
        ("best_single", "uniform", "weighted", "greedy", "blend", "logistic", "catboost"),
        min_length=1,
        description="what is compared; the best on honest folds is submitted",
    )
    top_k: int | Literal["auto"] = Field(
        "auto",
        description="classes of each model that become candidates; auto: as many as the score can show",
    )
    min_proba: float = Field(
        0.001, ge=0, lt=1, description="candidates only models name are left out below this mean probability"
    )
    calibration: Literal["none", "temperature", "vector"] = Field(
        "temperature", description="of each base model, before pooling and boosting"
    )
    loss: Literal["Logloss", "QuerySoftMax", "YetiRank"] = "Logloss"
    monotone: bool = Field(False, description="log-odds and counts may only speak for a class, never against")
    iterations: int = Field(400, ge=1)
    depth: int = Field(6, ge=1, le=12)
    learning_rate: float = Field(0.06, gt=0)
    l2_leaf_reg: float = Field(5.0, ge=0)
    patience: int = Field(40, ge=1)
    max_cards: int = Field(30_000, ge=1, description="cards a booster is fitted on, drawn at random")
    multiclass_iterations: int = Field(100, ge=1)
    multiclass_cells: int = Field(
        300_000, ge=0, description="multiclass is left out above this many cards × classes"
    )
    decoding: Literal["auto", "argmax", "expected_hierarchical_f1", "class_bias"] = Field(
        "auto", description="how the class is chosen; auto: by the competition's metric"
    )
    precisions: tuple[float, ...] = Field((0.95, 0.99), description="at which coverage is reported")

    @model_validator(mode="after")
    def top_k_in_range(self) -> StackConfig:
        if self.top_k != "auto" and not 2 <= self.top_k <= 32:
            raise ValueError("top_k must be auto or from 2 to 32")
        return self


ModelConfig = Annotated[
    LinearConfig
    | FastTextConfig
    | NavecConfig
    | TransformerConfig
    | ImageConfig
    | FusionConfig
    | KnnConfig
    | ContrastiveConfig
    | CrossEncoderConfig
    | BiEncoderConfig
    | PairWordsConfig
    | PairsConfig
    | StackConfig,
    Field(discriminator="family"),
]


class SearchSpace(Strict):
    """One dimension of a study: `choices`, or `low`/`high` (ints stay ints), `log` for a log scale."""

    low: float | int | None = None
    high: float | int | None = None
    log: bool = False
    choices: tuple[Any, ...] | None = None

    @model_validator(mode="after")
    def one_kind(self) -> SearchSpace:
        ranged = self.low is not None and self.high is not None
        if ranged == (self.choices is not None):
            raise ValueError("give either choices or both low and high")
        if ranged and self.low >= self.high:  # type: ignore[operator]
            raise ValueError("low must be below high")
        return self


class TuneConfig(Strict):
    trials: int = Field(20, ge=1)
    folds: tuple[int, ...] = Field((0,), min_length=1, description="folds a trial is scored on, in order")
    startup_trials: int = Field(5, ge=0, description="trials before pruning and TPE begin")
    shares: tuple[float, ...] = Field((0.3, 1.0), min_length=1, description="growing shares of train cards")
    space: dict[str, SearchSpace] = Field(min_length=1, description="dotted key below `model` → space")


class PseudoConfig(Strict):
    """Confident test cards as further train cards, labelled by finished experiments."""

    experiments: tuple[str, ...] = Field(min_length=1)
    min_confidence: float = Field(0.95, gt=0, lt=1, description="mean probability of the class")


class ExperimentConfig(Strict):
    competition: str
    name: str
    seed: int = 42
    inner_share: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="share of a fold's train cards in the inner split: stopping, calibration",
    )
    tuned_on: tuple[int, ...] = Field((), description="folds a study has scored: not in the reported score")
    refit: bool = Field(False, description="test cards get a model fitted on all folds, not the folds' mean")
    pseudo: PseudoConfig | None = None
    model: ModelConfig
    tune: TuneConfig | None = None

    @property
    def upstream(self) -> tuple[str, ...]:
        """Experiments that must be trained before this one."""
        labelled_by = self.pseudo.experiments if self.pseudo else ()
        return tuple(dict.fromkeys((*self.model.upstream, *self.model.scored_by, *labelled_by)))


class CompetitionConfig(Strict):
    name: str
    reader: Literal["kazanexpress2023", "kazanexpress2022", "wildberries", "ozon", "demo"]
    targets: tuple[str, ...] = Field(
        (), description="attributes to predict, each a competition of its own named <name>/<target>"
    )
    data: str = Field(description="folder of the raw files; --data overrides it")
    metric: Literal[
        "weighted_f1",
        "macro_f1",
        "accuracy",
        "hierarchical_f1",
        "pr_auc_prefix",
        "pr_auc_prefix_weighted",
        "pr_auc_masked",
        "pr_auc_masked_weighted",
    ] = "weighted_f1"
    n_folds: int = Field(5, ge=2, le=50)
    seed: int = 42
    group_near_duplicates: bool = False
    demo_rows: int = Field(6000, ge=500, description="demo only: train cards the generator makes")
    demo_classes: int = Field(80, ge=60, description="demo only: leaves of the generated tree")

    @model_validator(mode="after")
    def metric_is_of_its_kind(self) -> CompetitionConfig:
        if (self.reader == "ozon") != self.metric.startswith("pr_auc"):
            raise ValueError("metrics pr_auc_* are of reader ozon, which matches products, and of no other")
        return self

    def of_target(self, target: str) -> CompetitionConfig:
        """The competition of one attribute: the known cards of that attribute, its classes, all test cards."""
        if target not in self.targets:
            known = f"its targets are {', '.join(self.targets)}" if self.targets else "it has a single target"
            raise GoodsError(f"competition {self.name} has no target {target!r}: {known}")
        return self.model_copy(update={"name": f"{self.name}/{target}", "targets": ()})


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
