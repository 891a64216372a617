"""Families that tell whether two products are the same: words, encoders and the booster over features of pairs."""
