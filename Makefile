PYTHON ?= .venv/bin/python
.PHONY: help check test demo

help:  ## show the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/'

check:  ## ruff, types, import contracts, fast tests
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(dir $(PYTHON))lint-imports --no-cache
	$(PYTHON) -m pytest -q -m "not slow and not gpu"

test:  ## everything, environment included
	bash scripts/test.sh

demo:  ## the main job on the generated demo competition
	bash scripts/run_all.sh demo
