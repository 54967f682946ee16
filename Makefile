# Two commands are enough on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := demo

.PHONY: help install format lint types test crash cov bench docs messages preview check clean demo screenshots constraints

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## create .venv with the pinned dependencies and this package

# The constraints name every package, so pip has nothing to resolve: when it does, a newer release of a package
# that is asked for by an extra (coverage[toml]) stops the installation for want of a hash.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11" >&2; echo "hint: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install ## run the main job on the example: import, build, check, send into the outbox
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh $(DEMO)

test: install ## run the whole suite
	$(BIN)/python -m pytest -n auto --dist worksteal

crash: install ## kill `newsletter send` a thousand times, and print who was lost, doubled or in doubt
	$(BIN)/python tests/acceptance/crash/run.py

cov: install ## run the suite and report branch coverage
	$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term --cov-report=html

lint: install ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install ## let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: install ## mypy, strict
	$(BIN)/mypy

check: lint types test ## what CI runs

docs: install ## write docs/commands.md, settings.md and rules.md from the program, and what is on long pages
	$(BIN)/python docs/generate.py

messages: install ## bring the catalogues of translations up to date with the texts
	$(BIN)/python docs/catalogues.py

bench: install ## our time against its floor, measured in one run
	$(BIN)/python -m benchmarks

preview: install ## the studio on the example publication
	$(BIN)/newsletter -C examples/ai-news-digest preview

screenshots: install ## take the pictures of the README (needs chromium)
	$(BIN)/python docs/screenshots.py
	$(BIN)/python docs/theme_pictures.py

constraints: install ## pin the newest allowed dependencies again (needs uv)
	uv pip compile pyproject.toml --group dev --extra postgres --universal --generate-hashes --no-header --annotation-style line --python-version 3.11 --upgrade --quiet -o constraints.txt

clean: ## remove all that is made by the other targets
	rm -rf $(VENV) $(DEMO) build dist htmlcov .coverage* .mypy_cache .ruff_cache .hypothesis *.egg-info
