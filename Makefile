# argus3d: every target makes what it needs, the environment included. GNU make 4.3, Python 3.11 or newer.
# Each combination of settings has files of its own, so changing one and changing it back costs nothing.

PYTHON     ?= python3
DATA       ?= household
CHECKPOINT ?= nano
PROTOCOL   ?= argus3d-v1
SEED       ?= 0
DEB        ?=

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

BIN := .venv/bin
ENV := .venv/.installed

help: ## print this
	@echo "make TARGET [VARIABLE=value ...]"
	@echo
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  DATA=$(DATA) (household, procedural)   CHECKPOINT=$(CHECKPOINT) (nano or a folder)   PROTOCOL=$(PROTOCOL)"
	@echo "  SEED=$(SEED)   DEB=$(DEB) (a household .deb you already have)   PYTHON=$(PYTHON)"

# --- environment -----------------------------------------------------------------------------------------------------

$(ENV): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "argus3d needs Python 3.11 or newer; '$(PYTHON)' is not. Try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e ".[dev]"
	@touch $@

# --- checks ----------------------------------------------------------------------------------------------------------

test: | $(ENV) ## run the tests
	$(BIN)/python -m pytest

lint: | $(ENV) ## ruff and mypy
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

.PHONY: help test lint
