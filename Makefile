# `make` lists what there is. Every target sets up what it needs below .venv, and works on a bare clone.
# Written for GNU make 3.81, which macOS ships: no .ONESHELL.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

POLICY ?= binance-usdm
BIN := .venv/bin
# Twice quiet: errors are shown, warnings about a machine's own package index are not.
PIP := $(BIN)/python -m pip install -qq --no-input

# Nothing of an active virtual environment or of the user's own packages may leak into ours.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH
export PYTHONNOUSERSITE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

BUILD_SOURCES := pyproject.toml $(wildcard fastpath/*.py fastpath/*.pyx fastpath/*.pxd \
    fastpath/engine/*.pyx fastpath/engine/*.pxi fastpath/engine/*.pxd)

# A virtual environment survives neither being moved or copied nor the loss of its interpreter: start again.
ifneq ($(wildcard .venv),)
ifneq ($(shell $(BIN)/python -c 'print(open(".venv/.environment").read(), end="")' 2>/dev/null),$(CURDIR))
$(shell rm -rf .venv)
endif
endif

.PHONY: help verify test lint vectors published examples conform-examples bench mutants mutants-fast mutants-vectors sanitize soak clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /  make \1|/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

verify: .venv/.installed  ## check a policy and prove its law: POLICY=binance-usdm unless you say another
	@$(BIN)/marginspec verify $(POLICY)

test: lint  ## linters, types, import rules, then all tests
	@$(BIN)/python -m pytest

lint: .venv/.developing  ## linters, types and import rules
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

vectors: .venv/.installed  ## compute the answers of all vectors again: an empty diff, unless the law has changed
	@$(BIN)/marginspec vectors --write

published: .venv/.developing  ## the cases of venues as vectors: adds what is missing, renders spec/vectors/published.md
	@$(BIN)/python -m tests.cases.vectors

examples: .venv/.installed  ## the engines in C and in JavaScript, built and held to the law
	@mkdir -p build/examples
	@$(CC) -std=c11 -O2 -Wall -Wextra -Werror -o build/examples/engine spec/examples/c/engine.c
	@$(BIN)/marginspec conform --policy minimal -- build/examples/engine
	@if command -v node > /dev/null; then $(BIN)/marginspec conform -- node spec/examples/javascript/engine.mjs; \
	else echo "The engine in JavaScript was left out: there is no node on this machine."; fi

conform-examples: .venv/.installed  ## other people's engines, each in an environment of its own, held to the law
	@$(BIN)/python -m marginspec.adapters

bench: .venv/.developing  ## the fast path against numpy, memory, the law and other engines: ten minutes
	@mkdir -p build/bench
	@$(BIN)/python tests/bench/bench_evaluate.py
	@$(BIN)/python tests/bench/bench_engine.py --json build/bench/engine.json
	@$(BIN)/python tests/bench/bench_watch.py --json build/bench/watch.json
	@$(BIN)/python tests/bench/bench_replay.py --json build/bench/audit.json
	@$(BIN)/python tests/bench/bench_conform.py --json build/bench/conform.json
	@$(BIN)/python tests/bench/bench_resolution.py
	@$(BIN)/marginspec bench
	@$(BIN)/python tests/bench/bench_peers.py --reports build/bench

mutants: .venv/.developing  ## change the law one place at a time: tables, tests, theorems must notice
	@$(BIN)/python -m marginspec.mutation

mutants-fast: .venv/.developing  ## change the fast path one place at a time: theorems and the law must notice
	@$(BIN)/python -m marginspec.mutation.fast

mutants-vectors: .venv/.developing  ## change the law one place at a time: the vectors alone must notice
	@$(BIN)/python -m marginspec.vectors.quality

sanitize: .venv/.developing  ## the fast path under gcc's sanitizers of addresses and of undefined behaviour
	@$(BIN)/python tests/sanitize.py

soak: .venv/.developing  ## audits killed at random moments, a thousand times: no finding is lost or told twice
	@$(BIN)/python tests/soak.py

clean:  ## remove what the other targets made
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	@rm -f fastpath/*.so fastpath/*/*.so
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------------------ set-up

# The lists that pyproject.toml holds, so that a change of the fast path only compiles it again.
NEEDS := import tomllib; t = tomllib.load(open("pyproject.toml", "rb")); p = t["project"]
NEEDS_PYTHON := Python 3.11 or newer: install python3 with its venv module and its C headers
NEEDS_PYTHON_WAYS := (Debian: python3 python3-venv python3-dev), then run make again.
NEEDS_COMPILER := a C compiler for its fast path: install gcc or clang
NEEDS_COMPILER_WAYS := (Debian: build-essential; macOS: xcode-select --install), then run make again.

.venv/.environment:
	@python=; \
	for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
	    if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	        python=$$candidate; break; \
	    fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "marginspec needs $(NEEDS_PYTHON) $(NEEDS_PYTHON_WAYS)" >&2; exit 1; \
	fi; \
	if ! command -v $${CC:-cc} >/dev/null && ! command -v gcc >/dev/null && ! command -v clang >/dev/null; then \
	    echo "marginspec needs $(NEEDS_COMPILER) $(NEEDS_COMPILER_WAYS)" >&2; exit 1; \
	fi; \
	if ! $$python -c 'import sysconfig; open(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null; then \
	    echo "marginspec needs the C headers of $$($$python --version) $(NEEDS_PYTHON_WAYS)" >&2; exit 1; \
	fi; \
	echo "set-up: a virtual environment in .venv with $$($$python --version)"; \
	rm -rf .venv; \
	if ! $$python -m venv .venv; then \
	    rm -rf .venv; \
	    echo "marginspec needs the venv module of $$($$python --version) $(NEEDS_PYTHON_WAYS)" >&2; exit 1; \
	fi; \
	printf '%s' '$(CURDIR)' > $@

.venv/.dependencies: .venv/.environment pyproject.toml
	@echo "set-up: installing numpy, z3 and the other dependencies"
	@$(BIN)/python -c '$(NEEDS); print(*t["build-system"]["requires"], *p["dependencies"], sep="\n")' > $@.txt
	@$(PIP) -r $@.txt
	@touch $@

.venv/.installed: .venv/.dependencies $(BUILD_SOURCES)
	@echo "set-up: compiling the fast path"
	@if [ -z "$${CC:-}" ] && ! command -v cc >/dev/null; then \
	    command -v gcc >/dev/null && export CC=gcc || export CC=clang; \
	fi; \
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.developing: .venv/.installed
	@echo "set-up: installing the tools for tests"
	@$(BIN)/python -c '$(NEEDS); print(*p["optional-dependencies"]["dev"], sep="\n")' > $@.txt
	@$(PIP) -r $@.txt
	@touch $@
