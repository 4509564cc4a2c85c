# Two commands do all the set-up: `make demo` and `make test`. They need git, make and Python 3.11 with venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Twice as many as there are cores: many tests wait for processes, and a core is free meanwhile.
JOBS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 2) * 2)')

.PHONY: demo test check lint soak bench table wheel pythons site clean

demo: $(VENV)/.installed ## the main job on a throw-away repository: no amp account, no network
	@$(BIN)/ampsm demo

test: $(VENV)/.dev ## all tests
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not soak"

lint: $(VENV)/.dev ## lint, format, strict types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

check: lint test ## everything that must hold before a commit lands

soak: $(VENV)/.dev ## the slow runs: kills in the hundreds (SOAK_KILLS, SOAK_MERGE_KILLS, SOAK_ITEMS, SOAK_JOURNEYS, SOAK_SEED), races, new examples
	$(BIN)/pytest -m soak -p no:xdist
	$(BIN)/pytest -n $(JOBS) -m "hypothesis and not soak" --hypothesis-profile=search

bench: $(VENV)/.dev ## ratios measured in one run; run it with nothing else running
	$(BIN)/python benchmarks/run.py

table: $(VENV)/.dev ## every figure that has a must, beside it and whether it is met: some seven minutes, with nothing else running
	$(BIN)/python benchmarks/run.py table

wheel: $(VENV)/.python ## the wheel in dist/, installed into an environment of its own and tried there
	@rm -rf dist
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	$(BIN)/python scripts/try_wheel.py dist/*.whl requirements.lock

pythons: ## all tests, on every Python that pyproject.toml names and this machine has
	$(PYTHON) scripts/pythons.py $(PYTHONS)

site: $(VENV)/.python ## docs/ as a site, in build/site
	$(PYTHON) -m venv build/docs-venv
	build/docs-venv/bin/pip install --quiet --disable-pip-version-check --upgrade pip
	build/docs-venv/bin/pip install --quiet --disable-pip-version-check --group docs --editable .
	build/docs-venv/bin/mkdocs build --strict

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "ampsm needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.python requirements.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@# pip compiles what it installs, but nothing editable; without this a start takes a third longer where
	@# PYTHONDONTWRITEBYTECODE is set
	@$(BIN)/python -m compileall -q ampsm_engine ampsm_tui
	@touch $@

$(VENV)/.dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@touch $@

clean:
	rm -rf $(VENV) .venv-* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
