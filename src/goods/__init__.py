"""goods: raw files of an e-commerce product contest in, a winning submission out."""

__version__ = "0.1.0"
