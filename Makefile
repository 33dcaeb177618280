# make gallery: from pictures to a gallery.  make test: every check.  Both do all set-up, once.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
PORT ?= 5000
FIRST := studio-patches studio-style digits-classifier
# Of pytest, each of which keeps a core busy: three on two cores took no less time (docs/log.md).
JOBS ?= $(shell nproc)

# dvc.yaml calls `artpipe`, and `artpipe` calls `dvc`: both come from here. Nothing reports home, nothing listens outside.
export PATH := $(BIN):$(PATH)
export DO_NOT_TRACK := 1
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME

.PHONY: help gallery test nightly faults serve ui server lock licences sbom clean

help: ## say what there is
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

gallery: $(VENV)/artpipe.stamp ## set up, then bring everything up to date: works in, gallery out; QUICK=1: the first rooms
	@artpipe run $(if $(QUICK),$(FIRST))

test: $(VENV)/dev.stamp .chromium ## set up, then run every check
	@ruff format --check --quiet . || { echo "make: run .venv/bin/ruff format to format these files" >&2; exit 1; }
	@ruff check --quiet .
	@check() { local said; said=$$("$$@" 2>&1) || { echo "$$said"; false; }; }; \
	{ check mypy && check lint-imports --no-cache && check vulture; } & checks=$$!; code=0; \
	OMP_NUM_THREADS=1 pytest -q -m "not nightly" -n $(JOBS) --dist loadgroup --no-loadscope-reorder || code=$$?; \
	wait $$checks || code=1; exit $$code

nightly: $(VENV)/clusters.stamp .chromium ## the checks that take minutes
	@OMP_NUM_THREADS=1 ARTPIPE_EXAMPLES=all pytest -q -m "nightly or property" -n $(JOBS) --dist loadgroup --no-loadscope-reorder --timeout 3600

faults: $(VENV)/dev.stamp ## kill, fill, flip, take away: what becomes of it is the table in docs/reliability.md (an hour)
	@OMP_NUM_THREADS=1 python tests/faults --write

serve: $(VENV)/artpipe.stamp ## stay: gallery, MLflow, Prefect and its schedule, at home on 127.0.0.1; Ctrl-C ends all
	@artpipe serve

ui: $(VENV)/artpipe.stamp ## browse the MLflow runs, on this machine only
	@artpipe ui --port $(PORT)

server: $(VENV)/artpipe.stamp ## a Prefect server that stays, on this machine only; docs/deployments.md tells what for
	@artpipe serve --only server

lock: $(VENV)/dev.stamp ## write what is installed into constraints.txt
	@{ sed -n '/^#/p' constraints.txt; pip freeze --exclude-editable | grep -E '^[A-Za-z0-9_.-]+==' \
	  | grep -viE '^(nvidia-|cuda-|triton==|artpipe)'; } > constraints.txt.new && mv constraints.txt.new constraints.txt

licences: $(VENV)/artpipe.stamp ## name, version and licence of all that is installed
	@python tests/licences.py

sbom: $(VENV)/artpipe.stamp ## the same for programs: build/sbom.json (CycloneDX 1.6)
	@mkdir -p build && python tests/licences.py --sbom > build/sbom.json && echo build/sbom.json

clean: ## remove the environment, caches and everything the pipeline made (datasets and dvc's cache stay)
	@rm -rf $(VENV) data .state build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis test-results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up ---------------------------------------------------------------------------------------------------------

# uv takes a quarter of the time; where it cannot be had, or finds no index (it does not read pip's settings), pip does it.
PIP := pip install -qq --no-input --disable-pip-version-check --progress-bar off -c constraints.txt
INSTALL = install() { uv pip install -q --python $(BIN)/python -c constraints.txt "$$@" 2>/dev/null || $(PIP) "$$@"; }; install

# Without a packager's help `python3` may be too old while a newer one stands beside it; take the first that will do.
$(VENV)/bin/pip:
	@command -v git >/dev/null || { echo "make: git is missing; install it (Debian: apt install git)" >&2; exit 2; }
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found="$$python" && break; done; \
	if [ -z "$${found:-}" ]; then \
	  echo "make: Python 3.11 or newer is needed, found $$(python3 --version 2>&1 || true); PYTHON=/path/to/python3.11 make ... names one" >&2; exit 2; fi; \
	"$$found" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "make: $$found has no venv or pip; install them (Debian: apt install python3-venv python3-pip)" >&2; exit 2; }; \
	"$$found" -m venv --clear $(VENV)
	@$(PIP) uv 2>/dev/null || true

# A stamp is newer than what it was made from, so a second call installs nothing; it is written only when that succeeded.
$(VENV)/artpipe.stamp: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "make: installing artpipe into $(VENV) (minutes the first time, nothing the second)"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "make: installing artpipe and its test tools into $(VENV) (minutes the first time, nothing the second)"
	@$(INSTALL) -e ".[dev]"
	@touch $(VENV)/artpipe.stamp $@

$(VENV)/clusters.stamp: pyproject.toml constraints.txt | $(VENV)/dev.stamp
	@echo "make: installing Dask and Ray for the checks on clusters"
	@$(INSTALL) -e ".[dev,dask,ray]"
	@touch $(VENV)/artpipe.stamp $(VENV)/dev.stamp $@

# The headless shell takes less than half of the core-seconds of the whole browser. Without either a person's tests go on,
# and say so; the CI's fail.
.PHONY: .chromium
.chromium: $(VENV)/dev.stamp
	@case "$$(python tests/browser/chromium.py 2>/dev/null)" in *-headless-shell) exit ;; esac; \
	if [ -z "$${CHROMIUM:-}" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "make: installing chromium-headless-shell for the browser tests"; export DEBIAN_FRONTEND=noninteractive; \
	  add() { apt-get install -y -qq --no-remove --no-install-recommends "$$1" >/dev/null 2>&1; }; \
	  apt-get update -qq >/dev/null 2>&1; add chromium-headless-shell || \
	  python tests/browser/chromium.py >/dev/null 2>&1 || add chromium || true; fi; \
	python tests/browser/chromium.py >/dev/null || { \
	if [ -n "$${CI:-}" ]; then echo "make: the browser tests need chromium, and CI is set" >&2; exit 2; fi; \
	echo "make: the browser tests are skipped; install chromium to run them" >&2; }
