# `make serve` runs the service, `make test` the tests; both set up what they need.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT

VENV := .venv
BIN := $(VENV)/bin
FRONTEND := web/frontend
VENDOR := web/static/vendor/licences.txt
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --silent --fetch-retries=1 --fetch-retry-mintimeout=1000

.PHONY: serve test check interop build imports frontend clean

serve: $(VENV)/.run frontend
	@$(BIN)/python -m kg build --if-changed
	@exec $(BIN)/python server.py

build: $(VENV)/.run
	@$(BIN)/python -m kg build

# The large open vocabularies that come in packages, beside the leg graph.
imports: $(VENV)/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-imports.txt
	@$(BIN)/python -m kg build --if-changed
	@$(BIN)/python -m kg import hp mondo uberon icd10cm

test: $(VENV)/.dev frontend
	@$(BIN)/python -m kg build --if-changed
	@$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(MAKE) --no-print-directory test

interop: $(VENV)/.dev
	@$(BIN)/python -m kg build --if-changed
	@$(BIN)/python -m pytest -m interop

$(VENV)/.run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing requirements …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-dev.txt
	@touch $@

# What the browser's extras need; the service works without them, so a failure is only told.
frontend:
	@$(MAKE) --no-print-directory --silent $(VENDOR) 2>/dev/null || echo "no npm with Node 18 or newer, or it failed: the SPARQL editor and the graph are left out"

$(VENDOR): $(FRONTEND)/package-lock.json $(FRONTEND)/vendor.mjs
	@echo "installing the browser's packages …"
	@cd $(FRONTEND) && $(NPM_CI) >&2 && node vendor.mjs

clean:
	rm -rf $(VENV) build $(FRONTEND)/node_modules web/static/vendor
