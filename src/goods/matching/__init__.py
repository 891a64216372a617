"""Which of two cards are the same product: pairs, their features, learned scorers, folds, metrics, blocking."""

_FEATURES = "features names attributes embeddings graph products sets blocking neighbours sharing spelling"
FEATURE_CODE = tuple(f"matching/{name}.py" for name in _FEATURES.split())  # what features of pairs depend on
