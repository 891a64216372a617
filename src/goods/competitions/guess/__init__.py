"""First configs for the raw files of a contest nobody has seen, with what speaks for each guess."""
