"""What run_all.sh may run: a preset, and the config of the last experiment of it."""

USUAL = "quick"
PRESETS = {"light": "stack-light.yaml", "quick": "stack.yaml", "full": "stack-full.yaml"}
