"""Contests: a file for each, raw files → cards or pairs of them, and what the contest takes for an answer."""
