"""A new tokenizer and a new encoder, trained on the texts at hand alone."""

from __future__ import annotations

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoModel, BertConfig, PreTrainedTokenizerFast

from goods.models.text.encoder import Encoder
from goods.models.text.transformer import TransformerConfig

SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]


def scratch_tokenizer(texts: list[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A lower-case BPE tokenizer (Unigram's training is not repeatable) trained on `texts`."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])  # type: ignore[assignment]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
        [
            pre_tokenizers.Whitespace(),
            pre_tokenizers.Digits(individual_digits=False),
            pre_tokenizers.Metaspace(),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, min_frequency=2, special_tokens=SPECIAL, show_progress=False
    )
    tokenizer.train_from_iterator(texts or ["-"], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        mask_token="[MASK]",
    )


def scratch_encoder(texts: list[str], config: TransformerConfig) -> Encoder:
    """A tokenizer trained on `texts` and a new BERT."""
    fast = scratch_tokenizer(texts, config.scratch_vocab)
    width = config.scratch_width
    bert = BertConfig(
        vocab_size=len(fast),
        hidden_size=width,
        num_hidden_layers=config.scratch_layers,
        num_attention_heads=max(h for h in range(1, 13) if width % h == 0),
        intermediate_size=4 * width,
        max_position_embeddings=config.max_tokens,
        pad_token_id=0,
    )
    return Encoder(AutoModel.from_config(bert, trust_remote_code=False), fast)
