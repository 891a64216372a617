"""What run_all.sh may run: a preset, and the config of the last experiment of it."""

PRESETS = {"quick": "stack.yaml", "full": "stack-full.yaml"}
