"""Text and photo joined at feature level: concatenated, gated (Arevalo et al. 2017, arXiv 1702.01992) or by
cross-attention, with modality dropout.

Each side is an experiment of its own: begun from the weights its fold was trained to (`start: fold`; the same
train cards, so the scored fold stays unseen) or built anew (`fresh`). A side that is not tuned is turned into
vectors once.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.core.errors import GoodsError
from goods.models.base import Context
from goods.models.inference import run_network
from goods.models.joint.fusion import FusionConfig, SideConfig
from goods.models.joint.fusion_network import FusionNetwork, Kept
from goods.models.joint.text_image import SIDES, TextImageRows
from goods.models.network import Network
from goods.models.neural import NeuralModel
from goods.models.rows import Rows, VectorRows
from goods.models.upstream import check_upstream, upstream_keys, upstream_model


class FusionModel(NeuralModel):
    config: FusionConfig
    predict_batch = 128

    def __init__(self, config: FusionConfig, context: Context) -> None:
        super().__init__(config, context)
        self.models: dict[str, NeuralModel] = {}

    def _side(self, side: str) -> SideConfig:
        return self.config.text if side == "text" else self.config.image

    def _model(self, side: str, fitted: bool) -> NeuralModel:
        name = self._side(side).experiment
        model = upstream_model(self.context, name, fitted)
        if not isinstance(model, NeuralModel):
            raise GoodsError(
                f"fusion: experiment {name} is no neural network; name one that is for that side"
            )
        return model

    def prepare(self, train: pd.DataFrame) -> None:
        for side in SIDES:
            fitted = self._side(side).start == "fold"
            self.models[side] = self._model(side, fitted)
            if not fitted:
                self.models[side].prepare(train)

    def encode(self, cards: pd.DataFrame) -> TextImageRows:
        target = cards.target.to_numpy(np.int64)
        return TextImageRows({side: self._rows(side, cards, target) for side in SIDES}, target)

    def _rows(self, side: str, cards: pd.DataFrame, target: np.ndarray) -> Rows:
        model = self.models[side]
        if self._side(side).tune:
            return model.encode(cards)
        net = model._fitted()
        return VectorRows(
            run_network(net, model.encode(cards), self.context, model.predict_batch, "embed"), target
        )

    def build(self, restore: bool = False) -> FusionNetwork:
        nets: dict[str, Network | Kept] = {}
        for side in SIDES:
            model, own = self.models[side], self._side(side)
            if own.start == "fresh":
                nets[side] = model.build(restore)
            else:
                # a copy is tuned: the side's own network stays what its fold made it
                nets[side] = copy.deepcopy(model._fitted()) if own.tune else Kept(model._fitted().width)
        return FusionNetwork(nets, self.config, self.context.labels.n_classes)

    def settings(self) -> dict[str, Any]:
        return {"upstream": upstream_keys(self.context)}

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        check_upstream(self.context, folder, settings["upstream"])
        self.models = {side: self._model(side, fitted=True) for side in SIDES}
