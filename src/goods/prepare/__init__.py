"""Raw files made card tables, or pairs of cards, and rows dealt to folds."""
