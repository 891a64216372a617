"""Families that read the texts of cards: linear, fastText, words with Navec vectors, transformers."""
