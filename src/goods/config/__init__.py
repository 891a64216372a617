"""Settings of families, experiments and competitions: what they are, and how files of them are read and checked."""
