"""Text encoders and their tokenizers: from a local folder or the hub."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from goods.core.errors import GoodsError
from goods.core.hashing import content_hash
from goods.core.wording import count, in_a_line
from goods.models import hub

HELP = "give --text-weights DIR (a Hugging Face folder) or --offline (trained from scratch)"

WEIGHTS = "encoder.safetensors"


@dataclass
class Encoder:
    """A network of token states, float [b, t, d], and the tokenizer it was trained with."""

    net: nn.Module
    tokenizer: Any

    @property
    def start(self) -> int:
        return self._token("cls_token_id", "bos_token_id")

    @property
    def separator(self) -> int:
        return self._token("sep_token_id", "eos_token_id")

    @property
    def pad(self) -> int:
        # masked wherever it stands, so any will do
        return self._token("pad_token_id", "eos_token_id", "sep_token_id")

    @property
    def mask(self) -> int:
        """What stands for a hidden token."""
        return self._token("mask_token_id", "unk_token_id")

    def _token(self, *names: str) -> int:
        for name in names:
            for holder in (self.tokenizer, self.net.config):
                number = getattr(holder, name, None)
                if isinstance(number, int):
                    return number
        raise GoodsError(f"the tokenizer has none of {', '.join(names)}; use an encoder model; {HELP}")

    @cached_property
    def tokenizer_key(self) -> str | None:
        """Hash of all that token numbers of a text depend on; None where the tokenizer does not tell."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:
            return None
        special = (*self.tokenizer.all_special_tokens, self.start, self.separator)
        return content_hash(backend.to_str(), special)

    def save(self, folder: Path, with_weights: bool) -> None:
        """Tokenizer and config, and the weights where the network's own file lacks them."""
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save_pretrained(folder)
        self.net.config.save_pretrained(folder)  # type: ignore[union-attr,operator]
        if with_weights:
            state = {k: v.detach().cpu().contiguous() for k, v in self.net.state_dict().items()}
            save_file(state, folder / WEIGHTS)


def token_numbers(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Tokens of each text, none of them special: "[MASK]" in a text is a word in brackets."""
    special = re.compile("|".join(map(re.escape, tokenizer.all_special_tokens)) or "(?!)")
    # a blank inside, as the vocabulary may know it even where the tokenizer does not look for it
    texts = [special.sub(lambda found: f"{found.group()[0]} {found.group()[1:]}", text) for text in texts]
    return tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]


def encoder_layers(net: nn.Module) -> list[list[nn.Parameter]]:
    """Parameters by layer from the top down: what follows the blocks, each block, the embeddings."""
    depth = getattr(net.config, "num_hidden_layers", 0)
    stacks = (m for m in net.modules() if isinstance(m, nn.ModuleList) and len(m) == depth)
    blocks = list(next(stacks, []))
    layers = [list(block.parameters()) for block in reversed(blocks)]
    inside = {id(parameter) for layer in layers for parameter in layer}
    rest = [(name, p) for name, p in net.named_parameters() if id(p) not in inside]
    if not layers:  # an encoder of another build, or one whose blocks share their weights
        return [[parameter for _, parameter in rest]]
    layers[0] += [parameter for name, parameter in rest if "embed" not in name]
    return [*layers, [parameter for name, parameter in rest if "embed" in name]]


def encoder_from_files(folder: Path, with_weights: bool) -> Encoder:
    """What `Encoder.save` wrote; OSError or ValueError where it is damaged."""
    with _quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        net = AutoModel.from_config(config, trust_remote_code=False)
    if with_weights:
        net.load_state_dict(load_file(folder / WEIGHTS))
    return Encoder(net, tokenizer)


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers without load reports and progress bars."""
    bars = transformers.utils.logging.is_progress_bar_enabled()
    level = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        transformers.utils.logging.set_verbosity(level)
        if bars:
            transformers.utils.logging.enable_progress_bar()


def load_encoder(weights: str, max_tokens: int) -> Encoder:
    """Pre-trained encoder, in 32 bits whatever its files hold, and tokenizer, for texts of up to `max_tokens`.

    A GoodsError says what was tried and what does not fit; weights are never made up.
    """
    local = Path(weights).is_dir()
    if not local and (weights.startswith((".", "/", "~")) or weights.count("/") > 1):
        raise GoodsError(f"{weights}: no such folder of text weights; {HELP}")
    only_files = local or not hub.in_reach()
    try:
        with _quiet(), hub.cached_only(only_files):
            tokenizer = AutoTokenizer.from_pretrained(
                weights, local_files_only=only_files, trust_remote_code=False
            )
            # weights in 16 bits are too coarse for the small steps of training
            net, report = AutoModel.from_pretrained(
                weights,
                local_files_only=only_files,
                trust_remote_code=False,  # unset, it asks whoever sits at the keyboard
                output_loading_info=True,
                use_safetensors=True,
                dtype=torch.float32,
                return_dict=True,
            )
    except Exception as error:  # network, file and format errors of many kinds
        tried = "the folder" if local else "the local hub cache" if only_files else "the hub"
        reason = in_a_line(error)
        raise GoodsError(f"text weights {weights!r}: not loaded from {tried} ({reason}); {HELP}") from None
    missing = [name for name in report["missing_keys"] if "pooler" not in name and "position_ids" not in name]
    if missing or report.get("mismatched_keys"):
        raise GoodsError(
            f"text weights {weights!r} lack {count(len(missing), 'tensor')}, first {missing[:1]}; {HELP}"
        )
    encoder = Encoder(net, tokenizer)
    fault = unfit(encoder, max_tokens)
    if fault is not None:
        raise GoodsError(f"text weights {weights!r} {fault}; {HELP}")
    return encoder


def unfit(encoder: Encoder, max_tokens: int) -> str | None:
    """Why texts of `max_tokens` tokens cannot be encoded; None where one has been.

    Asked here, as a token or a position out of range ends a job on a GPU without a word of what is wrong.
    """
    config: Any = encoder.net.config
    if getattr(config, "is_encoder_decoder", False):
        return f"are of an encoder-decoder ({config.model_type}); use an encoder model"
    vocabulary = encoder.tokenizer.get_vocab()
    if vocabulary.keys() <= set(encoder.tokenizer.all_special_tokens):
        return "come without a tokenizer: its files (tokenizer.json, vocab.txt) are not there"
    try:
        table = encoder.net.get_input_embeddings().weight  # type: ignore[operator]
        known = max(vocabulary.values()) + 1
        if known > len(table):
            return f"have {len(table)} tokens, their tokenizer {known}; the two are of different models"
        longest = torch.full((1, max_tokens), encoder.separator)
        with torch.no_grad():
            states = encoder.net(input_ids=longest, attention_mask=torch.ones_like(longest)).last_hidden_state
        if states.shape != (1, max_tokens, config.hidden_size):
            return f"give no vector per token (shape {tuple(states.shape)}); use an encoder model"
    except GoodsError:
        raise
    except Exception as error:  # of many kinds, as are the models
        positions = getattr(config, "max_position_embeddings", None)
        places = f"{positions} positions; " if positions is not None else ""
        reason = f"{places}{in_a_line(error)}"
        return f"do not encode {max_tokens} tokens ({reason}); lower model.max_tokens or use an encoder model"
    return None
