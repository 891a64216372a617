"""A competition: its reader, raw files, metric and folds."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from goods.config.base import Strict, check_once
from goods.config.refusals import refused
from goods.config.table import TableConfig
from goods.core.errors import GoodsError
from goods.core.meant import meant
from goods.core.workspace import OWN, is_folder_name


class CompetitionConfig(Strict):
    name: str = Field(description="that of its folder below configs/")
    reader: str = Field(description="a file of competitions/ that reads the raw files")
    targets: tuple[str, ...] = Field(
        (), description="attributes to predict, each a competition of its own named <name>/<target>"
    )
    data: str = Field(description="folder of the raw files; --data overrides it")
    metric: str = Field("weighted_f1", description="a name of metrics/")
    n_folds: int = Field(5, ge=1, le=50)
    seed: int = Field(42, ge=0, lt=2**32)
    group_near_duplicates: bool = False
    group_by: tuple[str, ...] = Field(
        (), description="columns of cards: those of one value are never in two folds"
    )
    order_by: str | None = Field(
        None, description="column of cards that tells time: a fold's models see earlier cards alone"
    )
    validation: str | None = Field(
        None, description="file of the train cards that are scored, by their ids; the others are fitted on"
    )
    repeats: int = Field(
        1,
        ge=1,
        le=20,
        description="fold assignments that train.py scores an experiment under; the stack uses the first",
    )
    max_unreadable: float = Field(
        0.05, ge=0, le=1, description="share of a column's cells that may be unreadable before prepare stops"
    )
    table: TableConfig | None = Field(
        None, description="reader table only: what is which column of which file"
    )
    demo_rows: int = Field(6000, ge=500, description="demo only: train cards the generator makes")
    demo_classes: int = Field(80, ge=60, description="demo only: leaves of the generated tree")

    @model_validator(mode="before")
    @classmethod
    def targets_of_the_table(cls, data: Any) -> Any:
        """Of several targets of a table each is a competition of its own."""
        several = data["table"].get("target") if isinstance(data.get("table"), dict) else None
        return {"targets": tuple(several)} | data if isinstance(several, list | tuple | dict) else data

    @model_validator(mode="after")
    def targets_once(self) -> Self:
        """Each names a folder of its own below that of the competition."""
        check_once("targets", self.targets)
        for name in self.targets:
            if not is_folder_name(name):
                raise ValueError(f"targets has {name!r}, which cannot name a folder; name it otherwise")
            if name in OWN:
                raise ValueError(
                    f"targets has {name!r}, a folder that work/{self.name} has already; name it otherwise"
                )
        return self

    @model_validator(mode="before")
    @classmethod
    def one_fold_of_a_validation_file(cls, data: Any) -> Any:
        return {"n_folds": 1} | data if isinstance(data, dict) and data.get("validation") else data

    @model_validator(mode="after")
    def settings_fit_together(self) -> CompetitionConfig:
        wrong: list[str] = []
        if (self.reader == "table") != (self.table is not None):
            wrong.append(
                f"a section `table` goes with reader: table, not with reader: {self.reader}"
                if self.table
                else "reader: table needs a section `table`"
            )
        if self.validation is None and self.n_folds == 1:
            wrong.append("n_folds is 1: only with a validation file there is a single fold")
        if self.validation is not None and self.n_folds != 1:
            wrong.append(f"validation is one fold, n_folds {self.n_folds}: leave n_folds out")
        if self.validation is not None and self.order_by is not None:
            wrong.append("validation and order_by both say what is scored: leave one out")
        if self.repeats > 1 and (self.validation or self.order_by):
            wrong.append("folds of validation or order_by are always the same: leave repeats out")
        if wrong:
            raise refused("competition", [((), self.name, text) for text in wrong])
        return self

    def of_target(self, target: str) -> CompetitionConfig:
        """The competition of one attribute: the known cards of that attribute, its classes, all test cards."""
        if target not in self.targets:
            where = f"competition {self.name} has no target {target!r}"
            if not self.targets:
                raise GoodsError(f"{where}: it has a single target; leave /{target} (--target {target}) out")
            raise GoodsError(
                f"{where}: its targets are {', '.join(self.targets)}; name one of them{meant(target, self.targets)}"
            )
        return self.model_copy(update={"name": f"{self.name}/{target}", "targets": ()})
