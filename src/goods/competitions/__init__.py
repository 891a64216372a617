"""Readers: one file per contest, raw files → cards or pairs of them, and what the contest takes for an answer."""
