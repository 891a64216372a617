"""A competition: its reader, raw files, metric and folds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from goods.config.base import Strict
from goods.core.errors import GoodsError


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
