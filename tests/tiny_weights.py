"""Tiny pre-trained encoders and backbones as a model hub lays them out, of every architecture that configs name."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from sentencepiece import SentencePieceTrainer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoModel, PreTrainedTokenizerFast
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

WORDS = ["молоко хлеб чай мыло", "Ромашка Василёк Acme Север", "вкусно и полезно", "цвет белый серый 12 г"]
SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48}
SIZES |= {"max_position_embeddings": 64}
BERT = {
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "unk_token": "[UNK]",
    "mask_token": "[MASK]",
}
XLM_R = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
XLM_R |= {"cls_token": "<s>", "sep_token": "</s>"}

# hub name in configs or of the same architecture → model type, kind of tokenizer, settings
ENCODERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("bert", "wordpiece", {}),
    "xlm-roberta": (
        "xlm-roberta",
        "unigram",
        {"max_position_embeddings": 66, "pad_token_id": 1, "type_vocab_size": 1},
    ),
    "roberta": ("roberta", "bpe", {"max_position_embeddings": 65, "type_vocab_size": 1}),
    "deberta-v2": (
        "deberta-v2",
        "unigram-bert",
        {
            "relative_attention": True,
            "position_biased_input": False,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 8,
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "type_vocab_size": 0,
        },
    ),
    "modernbert": ("modernbert", "bpe", {"local_attention": 8, "global_attn_every_n_layers": 2}),
}


SENTENCEPIECE = {
    "xlm-roberta": ("sentencepiece.bpe.model", "XLMRobertaTokenizer"),
    "deberta-v2": ("spm.model", "DebertaV2Tokenizer"),
}


def tokenizer(kind: str, **changes: Any) -> PreTrainedTokenizerFast:
    """A tokenizer trained on a few words; of `changes` None takes a special token away."""
    special: dict[str, Any] = XLM_R if kind == "unigram" else BERT
    names = list(dict.fromkeys(special.values()))
    texts, options = WORDS * 20, {"vocab_size": 150, "special_tokens": names, "show_progress": False}
    unknown = special["unk_token"]
    if kind == "wordpiece":
        built = Tokenizer(models.WordPiece(unk_token=unknown))
        built.normalizer = normalizers.BertNormalizer(lowercase=False)
        built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        built.train_from_iterator(texts, trainers.WordPieceTrainer(**options))
    elif kind == "bpe":
        built = Tokenizer(models.BPE())
        built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        built.train_from_iterator(
            texts, trainers.BpeTrainer(initial_alphabet=alphabet, **options | {"vocab_size": 350})
        )
    else:
        built = Tokenizer(models.Unigram())
        built.normalizer = normalizers.NFKC()
        built.pre_tokenizer = pre_tokenizers.Metaspace()
        built.train_from_iterator(texts, trainers.UnigramTrainer(unk_token=unknown, **options))
    kept = {name: token for name, token in (special | changes).items() if token is not None}
    return PreTrainedTokenizerFast(tokenizer_object=built, **kept)


def text_folder(folder: Path, name: str, dtype: torch.dtype = torch.float32, **changes: Any) -> Path:
    """A folder as of the hub with an encoder of `ENCODERS`; `changes` are of its config."""
    kind, tokens, settings = ENCODERS[name]
    return save_encoder(folder, kind, SIZES | settings | changes, tokenizer(tokens), dtype)


def save_encoder(
    folder: Path,
    kind: str,
    settings: dict[str, Any],
    fast: PreTrainedTokenizerFast | None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """New weights of a model type beside a tokenizer, whose size they have where `settings` name none."""
    special = dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"))
    if fast is not None:
        special |= {"vocab_size": len(fast), "pad_token_id": fast.pad_token_id}
    torch.manual_seed(0)
    AutoModel.from_config(CONFIG_MAPPING[kind](**special | settings)).to(dtype).save_pretrained(folder)
    if fast is not None:
        fast.save_pretrained(folder)
    return folder


def sentencepiece_folder(folder: Path, name: str) -> Path:
    """An encoder of `ENCODERS` with a tokenizer of sentencepiece's own file alone, as older ones have."""
    kind, _, settings = ENCODERS[name]
    written = BytesIO()
    special = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3} if kind == "deberta-v2" else {}
    pieces = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]"} if special else {}
    SentencePieceTrainer.train(
        sentence_iterator=iter(WORDS * 20),
        model_writer=written,
        vocab_size=100,
        hard_vocab_limit=False,
        minloglevel=2,
        **special,
        **pieces,
    )
    save_encoder(folder, kind, SIZES | settings | {"vocab_size": 120}, None)
    file, kind = SENTENCEPIECE[name]
    (folder / file).write_bytes(written.getvalue())
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}), encoding="utf-8")
    return folder


def image_folder(folder: Path, name: str, **arguments: Any) -> Path:
    """A folder as of timm's hub with a checkpoint of the whole model, its classifier included."""
    torch.manual_seed(0)
    net = timm.create_model(name, pretrained=False, num_classes=7, **arguments)
    folder.mkdir(parents=True)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, folder / "model.safetensors")
    architecture, _, tag = name.partition(".")
    kept = {k: net.pretrained_cfg[k] for k in ("mean", "std", "input_size", "fixed_input_size")}
    described = {"architecture": architecture, "num_classes": 7, "pretrained_cfg": {"tag": tag, **kept}}
    (folder / "config.json").write_text(json.dumps(described | {"model_args": arguments}), encoding="utf-8")
    return folder
