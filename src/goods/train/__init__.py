"""Experiments fitted fold by fold: keys, the fold, what it builds on, the folds joined, pre-training."""
