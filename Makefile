# Everything here sets itself up: Python 3.11 to 3.14, git and make are enough.
export GPU PYTHON

.PHONY: help setup run test fix lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: ## the virtual environment .venv (GPU=yes|no overrides the look for an NVIDIA driver)
	@scripts/setup

run: ## the whole product on this machine: coordinator, node, and a sample video through both
	@scripts/setup
	@.venv/bin/python -m scripts.demo $(ARGS)

test: ## every check that CI runs
	@scripts/setup test
	@scripts/check $(ARGS)

fix: ## format the code
	@scripts/setup test
	@scripts/fix

lock: ## write locks/*.txt anew (needs uv)
	@scripts/lock

clean: ## remove the virtual environment and the caches, never data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist *.egg-info
