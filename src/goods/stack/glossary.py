"""What the features and the decoders of the stack are, in words: an entry of GLOSSARY for each line of FEATURES and
BLEND_FEATURES, one of DECODED for each decoder.

In a file of its own, which no stack imports: another wording trains nothing again.
"""

from __future__ import annotations

import re

from goods.cards.table import CATEGORY, NUMBER
from goods.stack.features import BLEND_FEATURES, FAMILY, FEATURES

# Name of a line → what it is; of a family the member's place stands in braces in both.
GLOSSARY = {
    "{model}_log_odds": "log-odds that {model} gives the category",
    "{model}_rank": "rank of the category by {model}, 0 is its first choice",
    "{model}_gap": "how far the category is behind the first choice of {model} (log of the ratio)",
    "{model}_margin": "lead of the first choice of {model} over its second",
    "{model}_entropy": "how undecided {model} is about the card",
    "mean_proba": "mean of the experiments' probabilities of the category",
    "max_proba": "largest of the experiments' probabilities of the category",
    "min_proba": "smallest of the experiments' probabilities of the category",
    "first_choices": "how many experiments have the category first",
    "level{depth}_first_choices": "first choices of the experiments below the category's node at depth {depth}",
    "given_{key}": "log of the share of the train cards with the card's {key} that are of the category",
    "cards_{key}": "train cards with the card's {key} (log of 1 + their number)",
    "neighbour_votes": "share of the category among train cards with similar titles",
    "neighbour_best": "likeness of the card to the category's most similar title",
    "nearest_title": "likeness of the card to the most similar title of any category",
    "{order}_votes": "share of the category among the train cards with {order}, only with id_order",
    "{order}_best": "how near the nearest of the category's train cards with {order} is, only with id_order",
    "name_characters": "likeness of the title and the category's name by letters",
    "name_meaning": "likeness of the title and the category's name by word vectors",
    "numbers_say": "what the card's numbers, with the title's first word, say for the category (log of a ratio)",
    "numbers_lead": "by how much they say more for it than for the experiments' strongest other candidate",
    "named_by_{source}": "whether the source {source} made the category a candidate",
    "title_chars": "letters of the title",
    "description_chars": "letters of the description",
    "attribute_chars": "letters of the attributes",
    "cyrillic": "share of the title's letters that are Cyrillic",
    "has_image": "whether the card has a photo",
    "sale": "whether the card is on sale",
    "{number}": "the card's number in the column {number}",
    "candidates": "how many categories are candidates for the card",
    "blend_log_odds": "log-odds that the pool of all experiments gives the category",
    "blend_rank": "rank of the category in the pool of all experiments, 0 is first",
    "blend_gap": "how far the category is behind the pool's first choice (log of the ratio)",
    "blend_margin": "lead of the pool's first choice over its second",
    "blend_entropy": "how undecided the pool of all experiments is about the card",
    "level{depth}_mass": "probability that the pool gives the category's node at depth {depth}",
}
MEMBERS = {
    "order": "near_ids",
    "depth": r"\d+",
    "number": rf"{NUMBER}.+",
}  # how a family's members are written, where not as any word
SPOKEN = {"first_two": "first two words"}  # members whose names do not say it
WORDS = ("key", "source", "order")  # families whose members are words, joined by underscores
OF_ALL = {  # counted by nothing
    "given_any": "log of the share of all train cards that are of the category",
    "cards_any": "all train cards (log of 1 + their number)",
}

DECODED = {  # a decoder → which class it submits
    "argmax": "the likeliest class",
    "expected_hierarchical_f1": "the class with which hierarchical F1 is highest in expectation: one whose siblings "
    "are likely too is worth more, as their common ancestors count",
    "expected_lca_accuracy": "the class with which LCA accuracy is highest in expectation: the fewer levels from the "
    "true class up to the node both share, the more",
    "class_bias": "the likeliest class once each has lost s · log(1 + its train cards) of its log-probability; of all "
    "s from 0 to 0.8 the one that scores best, so that rare classes gain",
    "safe_class_bias": "the same, of those s alone that leave as many cards right as argmax does, and argmax where the "
    "gain is within a standard error",
}


def description(feature: str) -> str:
    """What a column of the stack's features is; "" where nobody has said it."""
    if feature in GLOSSARY or feature in OF_ALL:
        return (OF_ALL | GLOSSARY)[feature]
    for name in (*FEATURES, *BLEND_FEATURES):
        if (family := FAMILY.search(name)) is None or name not in GLOSSARY:
            continue
        before, after = map(re.escape, name.split(family[0]))
        if found := re.fullmatch(f"{before}({MEMBERS.get(family[1], '.+')}){after}", feature):
            member = found[1].removeprefix(NUMBER).removeprefix(CATEGORY)
            spoken = SPOKEN.get(member, member.replace("_", " ")) if family[1] in WORDS else member
            return GLOSSARY[name].replace(family[0], spoken)
    return ""


def decoders_as_markdown() -> str:
    """The table of docs/stacking.md."""
    rows = [f"| `{name}` | {said} |" for name, said in DECODED.items()]
    return "\n".join(["| decoder | submits |", "|---|---|", *rows])


def as_markdown() -> str:
    """The table of docs/howto.md, members of families in angle brackets."""
    rows = [f"| `{name}` | {said} |" for name, said in GLOSSARY.items()]
    return "\n".join(["| reason | is |", "|---|---|", *(FAMILY.sub(r"<\1>", row) for row in rows)])
