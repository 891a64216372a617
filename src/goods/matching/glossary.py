"""What the features of a pair are, in words, by how their names are made up: a thing, and what is asked of it."""

from __future__ import annotations

import re

THINGS = {
    "words": "words",
    "numbers": "numbers that stand alone",
    "codes": "model codes",
    "amounts": "amounts with a unit",
    "brand": "brand words",
    "keys": "attributes",
    "values": "values of attributes",
    "colours": "stated colours",
}
OF_SETS = {
    "common": "{} of both",
    "jaccard": "share of {} that both have",
    "contained": "share of the {} of the side with fewer that both have",
    "told_common": "bits that the {} of both tell",
    "told_jaccard": "share of the bits of all {} that those of both tell",
    "told_contained": "share of the bits of the side that tells less that {} of both tell",
    "disagree": "whether both have {} and none in common",
    "apart": "{} that only one has",
    "told_apart": "bits of the {} that only one has",
    "rarest_apart": "bits of the rarest of the {} that only one has",
}
STRINGS = "likeness of the names' letters ({})"
OTHERS = {
    "name_length": "letters of the longer name",
    "name_length_ratio": "letters of the shorter name as a share of the longer one's",
    "largest_number": "largest number of the name",
    "tfidf_(words|chars)": "cosine of the names in TF-IDF of {}",
    "code_likeness": "likeness of the two codes that are nearest",
    "code_edits": "letters to change between the two codes that are nearest, 4 for more than 3",
    "code_beginning": "share of the longer code that two codes begin with in common, of the best two",
    "code_held": "whether a code of one stands in a code of the other",
    "codes_found": "share of the codes that stand in the other's name or attributes",
    "(.+)_agreement": "how far {} agrees: share that is equal, −1 where nothing is, 0 where one side has none",
    "(.+)_difference": "least difference in {}, as a share of the larger",
    "fields_agree": "fields read out of the names that agree",
    "fields_differ": "fields read out of the names that differ",
    "fields_alone": "fields read out of the names that one side alone has",
    "soft_tfidf": "cosine of the names where words that are spelt alike count too",
    "aligned": "mean likeness of the name's words to their partners, rare ones weighing more",
    "unmatched_told": "bits of the name's words without a partner",
    "unmatched_rarest": "bits of the rarest of the name's words without a partner",
    "unmatched_digits": "words with digits without a partner",
    "values_equal": "attributes with the same value",
    "values_equal_share": "share of the attributes of both with the same value",
    "values_equal_told": "bits that the equal values of attributes tell",
    "values_different": "attributes of both with different values",
    "values_different_told": "bits that attributes with different values tell",
    "differing_likeness": "likeness of the values that differ",
    "key (.+)": "whether the attribute {} is equal",
    "ratio (.+)": "the smaller number of the attribute {} as a share of the larger",
    "levels_agreed": "levels of the category that both share",
    "category_bits": "bits that the deepest category tells",
    "price_ratio": "lower price as a share of the higher",
    "main_(cosine|distance)": "{} of the main pictures' vectors",
    "main_rest_best": "likeness of the main picture to the most alike of the other's further ones",
    "pictures": "further pictures of the product",
    "pictures_(best|mean|nearest)": "likeness of the further pictures ({})",
    "any_best": "likeness of the two pictures that are most alike",
    "name_(cosine|distance)": "{} of the names' vectors",
    "score (.+)": "log-odds of a match by {}",
}
OF_GRAPH = {
    "degree": "candidate pairs of the product",
    "rank": "rank of the pair among the candidate pairs of its product, 1 is the most alike",
    "margin": "lead in likeness over the product's best other candidate",
    "neighbours_common": "products that are candidates of both",
}
CATALOGUE = " (candidates of the whole catalogue, by {})"
SIDES = {"min": ", less of both sides", "max": ", more of both sides"}


def described(feature: str) -> str:
    """What a feature of pairs is; "" where nobody has said it."""
    name, side = feature, ""
    if (ending := feature.rpartition("_"))[2] in SIDES:
        name, side = ending[0], SIDES[ending[2]]
    catalogue = re.fullmatch(r"(words|chars)_catalogue_(.+)", name)
    if (of_graph := catalogue[2] if catalogue else name) in OF_GRAPH:
        return OF_GRAPH[of_graph] + side + (CATALOGUE.format(catalogue[1]) if catalogue else "")
    thing, _, asked = name.partition("_")
    if thing in THINGS and asked in OF_SETS:
        return OF_SETS[asked].format(THINGS[thing]) + side
    for pattern, said in OTHERS.items():
        if found := re.fullmatch(pattern, name):
            return said.format(*found.groups()) + side
    if thing == "name":
        return STRINGS.format(asked.replace("_", " "))
    return ""
