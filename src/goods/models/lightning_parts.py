"""What the training of networks takes of lightning, which is to be imported from here alone.

Lightning imports torchmetrics, and that, for metrics that no network here asks for, all that it could use of what is
installed: torchvision, transformers, pyplot. That was a third of the processor seconds a training begins with.
"""

from importlib import import_module
from unittest.mock import patch

from lightning_utilities.core.imports import RequirementCache

# nothing counts as installed, until it is looked for again
with patch.object(RequirementCache, "available", False, create=True):
    import_module("torchmetrics")

import lightning as L
from lightning.pytorch.callbacks import Callback, WeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy

__all__ = ["Callback", "DDPStrategy", "L", "LightningEnvironment", "TensorBoardLogger", "WeightAveraging"]
