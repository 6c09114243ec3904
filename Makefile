# Everything a contributor runs. Needs python3 (3.11 or newer), pip and make; nothing outside this folder is written.
#   make setup    the tools and the package, editable, in .venv
#   make run      the demo: a year of made-up customers, decided, with mails to look at
#   make test     the tests
#   make site     docs/ as pages for a browser, in build/site
#   make bench    how fast it is, each figure beside its baseline
#   make bench-kafka  the same for a cluster
#   make check    what CI runs: format, lint, types, floors, tests
#   make faults   the whole fault suite, of which `make check` runs a part; ends with the table of docs/reliability.md

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := uv pip compile --universal --generate-hashes --no-header --no-annotate --quiet --upgrade \
  --constraint requirements/constraints.in

# The tools' caches stay inside the checkout; pip needs no newer self, and says nothing about one.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_CACHE_DIR := 1
export PIP_NO_INPUT := 1
# Where it is set, each of the hundreds of programs that the tests start would compile our sources again.
unexport PYTHONDONTWRITEBYTECODE

# Tests run in so many processes, a file in one of them, the longest first (tests/support/longest_first.py); all must draw up the same list, sets included: `make test WORKERS=0 ARGS="-k silence"` runs them in this one.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup setup-run run test site pictures bench bench-kafka cluster faults check lock format format-check lint types floors clean

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(VENV)/dev.stamp  ## tools, tests and the package in .venv

setup-run: $(VENV)/run.stamp  ## only what the program needs to run, in .venv

run: setup-run  ## the demo on a year of made-up customers
	$(BIN)/python -m relight.cli.demo

test: setup  ## the tests (ARGS="-k word" narrows them)
	PYTHONHASHSEED=0 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

site: setup  ## docs/ as pages for a browser, in build/site; no script, no request to anybody
	$(BIN)/python -m docsite

pictures: setup run  ## the pictures of README.md, drawn anew from the demo (needs chromium)
	$(BIN)/python -m docsite.pictures

bench: setup  ## each figure of docs/performance.md beside its baseline (ARGS="--row live")
	$(BIN)/python -m bench $(ARGS)

bench-kafka: setup  ## the figures of a cluster beside theirs (needs java, mvn and PostgreSQL)
	$(BIN)/python -m bench.cluster $(ARGS)

cluster: setup  ## every test of a cluster, with every number of workers on every recorded set
	RELIGHT_SWEEP=full PYTHONHASHSEED=0 $(BIN)/python -m pytest tests/cluster $(ARGS)

faults: setup  ## the whole fault suite, half of it on each of two cores
	$(BIN)/python -m tests.faults.summary

check: format-check lint types floors test  ## what CI runs

lock:  ## refresh requirements/*.txt (needs the uv command)
	$(LOCK) pyproject.toml --extra dev --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --constraint requirements/dev.txt --output-file requirements/run.txt
	$(LOCK) pyproject.toml --extra kafka --extra postgres --extra sendgrid --extra fast --constraint requirements/dev.txt \
	  --output-file requirements/cluster.txt
	$(LOCK) requirements/build.in --constraint requirements/dev.txt --output-file requirements/build.txt

format: setup  ## rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

format-check: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

floors: setup
	$(BIN)/lint-imports --no-cache

clean:  ## remove .venv and every cache
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# One .venv serves both setups: the development lock holds the runtime lock's versions, so that either order ends in
# the same packages. A stamp older than its lock is made again. Bytecode is left to the first import: half the time.
# The pip that comes with $(PYTHON) fills the venv: no second pip (6 s), and no ensurepip, which Debian packs apart.
PIP := $$(test -x $(BIN)/pip && echo $(BIN)/python -m pip || echo $(PYTHON) -m pip --python $(BIN)/python)
PIP_INSTALL := $(PIP) install --quiet --no-compile
INSTALL_PACKAGE := $(PIP_INSTALL) --no-deps --no-build-isolation --editable .

$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "relight needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 setup" >&2; exit 1; }
	@if $(PYTHON) -m pip --version >/dev/null 2>&1; then $(PYTHON) -m venv --without-pip $(VENV); \
	  elif $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	  else echo "relight needs pip for '$(PYTHON)'. On Debian and Ubuntu: apt install python3-pip" >&2; exit 1; fi
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt requirements/build.txt pyproject.toml $(VENV)/python.stamp
	@echo "Installing relight and its development tools into $(VENV) (once) ..."
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.txt -r requirements/build.txt
	@$(INSTALL_PACKAGE)
	@touch $@ $(VENV)/run.stamp

$(VENV)/run.stamp: requirements/run.txt requirements/build.txt pyproject.toml $(VENV)/python.stamp
	@echo "Installing relight into $(VENV) (once) ..."
	@$(PIP_INSTALL) --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(INSTALL_PACKAGE)
	@touch $@
