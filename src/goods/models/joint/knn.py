"""Neighbours in the vectors of other experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import pandas as pd
from pydantic import Field

from goods.config.base import FamilyConfig, Modality, Strict

if TYPE_CHECKING:
    from goods.models.base import Context


class SourceConfig(Strict):
    """Vectors that neighbours are looked for in."""

    experiment: str
    layer: Literal["trained", "pretrained"] = Field(
        "trained", description="last hidden layer of the fold's model, or the frozen encoder's own vectors"
    )
    weight: float = Field(1.0, gt=0, description="of its cosine where several are joined")


class KnnConfig(FamilyConfig):
    family: Literal["knn"]
    implementation: ClassVar[str] = "goods.models.joint.knn_model:KnnModel"
    on_gpu: ClassVar[bool] = True
    modalities: ClassVar[tuple[Modality, ...]] = ()
    sources: tuple[SourceConfig, ...] = Field(min_length=1)
    neighbours: int = Field(32, ge=1)
    index: Literal["auto", "exact", "lists", "hnsw"] = "auto"
    exact_up_to: int = Field(
        20_000,
        ge=0,
        description="cards, those of the inner split not counted, that 'auto' still compares one by one; inverted "
        "lists beyond",
    )
    probes: int = Field(16, ge=1, description="lists looked into, of 2·√n")
    links: int = Field(32, ge=4, description="hnsw: neighbours of a node")
    effort: int = Field(200, ge=1, description="hnsw: candidates kept while building and searching")

    def warm(self, context: Context, rows: pd.DataFrame) -> None:
        """Nothing of its own: the experiments it builds on have filled their caches."""

    @property
    def upstream(self) -> tuple[str, ...]:
        return tuple(source.experiment for source in self.sources)
