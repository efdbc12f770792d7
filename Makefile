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
# What was compiled once is read again by all processes that tests start.
unexport PYTHONDONTWRITEBYTECODE

# What has nothing to do with each other runs in twos where make can keep its output apart (4.0 and newer).
TWOS := $(if $(filter output-sync,$(.FEATURES)),-j2 --output-sync=target)

.PHONY: help run setup ui services test check format-check lint types floors collect beside pytest ui-test e2e \
        bench conformance soak format clean

# Else one step after the other, so that the first failure is the last thing printed.
ifndef BESIDE
.NOTPARALLEL:
endif

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: setup ui ## set up, build the UI and start Weft with the example workspace
	$(BIN)/weft

test: setup ui services format-check lint beside pytest e2e ## everything: style, types, architecture, tests, UI
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

collect: | setup
	$(STEP) "tests are found and compiled"
	@$(BIN)/python -m compileall -q src/weft
	@$(BIN)/pytest --collect-only -qq >/dev/null || { $(BIN)/pytest --collect-only -qq | tail -n 60; exit 1; }

beside: | setup
	@$(MAKE) --no-print-directory $(TWOS) BESIDE=1 types collect floors ui-test

pytest: | setup services
	$(STEP) "pytest"
	@$(SETUP) pytest

ui-test: | setup
	@$(SETUP) ui-test

e2e: | setup services
	@$(SETUP) e2e

bench: setup ## measure Weft beside the same work written by hand (ROWS="turn import" for some)
	$(BIN)/python -m benchmarks $(ROWS)

conformance: setup ## the official conformance suites that are connected so far
	@$(SETUP) conformance

soak: setup ## 10,000 runs, a thread of 10,000 messages, 1,000 runs over a dying MCP server, 5,000 routed calls by each strategy and door, then faults for SECONDS (600); memory, files and tasks must stay bounded
	LEAK_RUNS=10000 $(BIN)/pytest -q tests/runtime/test_leaking.py
	THREAD_MESSAGES=10000 $(BIN)/pytest -q -s tests/memory/test_long_thread.py
	MCP_SOAK_RUNS=1000 $(BIN)/pytest -q -s tests/tools/mcp/test_soak.py
	WEFT_ROUTER_CALLS=5000 $(BIN)/pytest -q -s tests/models/test_router.py -k two_of_three --timeout 1200
	$(BIN)/python -m benchmarks.soak --seconds $(or $(SECONDS),600)

clean: ## forget .venv, caches and builds
	rm -rf .venv .cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache ui/node_modules src/weft/ui/dist
