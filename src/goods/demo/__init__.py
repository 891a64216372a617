"""Made-up raw files of a contest, with known answers; nothing real imports it."""
