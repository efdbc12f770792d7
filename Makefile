# What a newcomer needs: `make run` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash

ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
endif
ifeq ($(PYTHON),)
$(error Weft needs Python 3.11 or newer)
endif
BIN := .venv/bin
SETUP := $(PYTHON) scripts/setup.py
STEP = @printf '\n\033[1m== %s\033[0m\n'
# Everything that is checked is on the disk already: no look-up for a newer version.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help run setup ui services test check format-check lint types floors pytest ui-test e2e \
        bench conformance soak format clean

# One step after the other, so that the first failure is the last thing printed.
.NOTPARALLEL:

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: setup ui ## set up, build the UI and start Weft with the example workspace
	$(BIN)/weft

test: setup ui services format-check lint types floors pytest ui-test e2e ## everything: style, types, architecture, tests, UI
	$(STEP) "all green"

check: setup format-check lint types floors pytest ## the same without services and UI

setup: ## .venv with Weft in it (quick when nothing changed)
	@$(SETUP) python

ui: ## build the web UI where its sources changed
	@$(SETUP) ui

services: ## what the tests need beside Python, as far as it can be had
	@$(SETUP) services

format: setup ## rewrite the sources in the house's style
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

format-check: | setup
	$(STEP) "ruff format"
	@$(BIN)/ruff format --check

lint: | setup
	$(STEP) "ruff check"
	@$(BIN)/ruff check

types: | setup
	$(STEP) "pyright, strict"
	@$(BIN)/pyright

floors: | setup
	$(STEP) "import-linter"
	@$(BIN)/lint-imports --no-logo

pytest: | setup services
	$(STEP) "pytest"
	@$(BIN)/pytest

ui-test: | setup
	@$(SETUP) ui-test

e2e: | setup services
	@$(SETUP) e2e

bench: setup ## measure Weft beside the same work written by hand (ROWS="turn import" for some)
	$(BIN)/python -m benchmarks $(ROWS)

conformance: setup ## the official conformance suites that are connected so far
	@$(SETUP) conformance

soak: setup ## runs under faults for SECONDS (600); memory, files and tasks must stay bounded
	LEAK_RUNS=10000 $(BIN)/pytest -q tests/runtime/test_leaking.py
	$(BIN)/python -m benchmarks.soak --seconds $(or $(SECONDS),600)

clean: ## forget .venv, caches and builds
	rm -rf .venv .cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache ui/node_modules src/weft/ui/dist
