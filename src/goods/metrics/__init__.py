"""Every metric once: its name, the problem it is of, its definition, how it scores, how a class is chosen for it."""
