"""Which of two cards are the same product: features of pairs, groups, blocking, merging; no stages."""
