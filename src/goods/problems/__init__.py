"""What differs between cards and pairs of them, chosen once: rows, folds, inner split, what models are given."""
