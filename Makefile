# `make serve` runs the service, `make test` the tests; both set up what they need.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT

VENV := .venv
BIN := $(VENV)/bin

.PHONY: serve test check interop build clean

serve: $(VENV)/.run
	@$(BIN)/python -m kg build --if-changed
	@exec $(BIN)/python server.py

build: $(VENV)/.run
	@$(BIN)/python -m kg build

test: $(VENV)/.dev
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

clean:
	rm -rf $(VENV) build
