"""What every config has, and the words for weights that need no network."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

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
