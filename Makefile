# Every target sets up .venv itself when it is missing or older than the lock.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Where jemalloc is installed, tests take a sixth less CPU: DuckDB makes many small plans.
JEMALLOC := $(firstword $(wildcard /usr/lib/*/libjemalloc.so.2))
PYTEST := $(if $(JEMALLOC),LD_PRELOAD=$(JEMALLOC)) $(BIN)/pytest
SIMULATOR := http://127.0.0.1:8765
export DAGSTER_HOME ?= $(CURDIR)/dagster_home
unexport PYTHONDONTWRITEBYTECODE # without bytecode each start compiles Dagster and pandas again: 4 s

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.venv/ready: requirements.lock pyproject.toml
	@echo "Setting up .venv from requirements.lock"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "opensense_okta needs Python 3.11 or newer; run make PYTHON=python3.11 …")'
	@$(PYTHON) -m venv --clear .venv
	@awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' requirements.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r .venv/uv.lock
	@VIRTUAL_ENV="$$PWD/.venv" $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	@VIRTUAL_ENV="$$PWD/.venv" $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Starts the demo's directories, unless they are up already (`make ui`), waits until they listen, and
# ends them with the recipe.
define with_simulator
	@umask 077; mkdir -p data; \
	export DEMO_OKTA_API_TOKEN=simulator-token DEMO_ENTRA_CLIENT_SECRET='simulator~secret'; \
	if ! $(BIN)/python -c 'import httpx; httpx.get("$(SIMULATOR)/_simulator/day").raise_for_status()' 2> /dev/null; then \
		ready=$$(mktemp -u); \
		$(BIN)/opensense-okta simulate --hr-file data/demo-hr.csv --google-key-file data/demo-google.json --ready-file "$$ready" > /dev/null & simulator=$$!; \
		trap 'kill $$simulator 2> /dev/null; rm -f "$$ready"' EXIT; trap exit TERM; \
		until [ -e "$$ready" ]; do kill -0 $$simulator 2> /dev/null || exit 1; sleep 0.1; done; \
	fi; \
	$(1)
endef

demo: .venv/ready ## sync the simulated company once, from four directories to the published one
	$(call with_simulator,$(BIN)/opensense-okta sync demo)

ui: .venv/ready ## Dagster's UI, with the demo's directories up; open the link that it prints
	$(call with_simulator,$(BIN)/opensense-okta ui & ui=$$!; trap 'kill $$ui $$simulator' TERM INT; wait $$ui; trap - INT TERM; wait $$ui)

lint: .venv/ready ## lint, types and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint ## lint, and the tests that are not slow: the loop while you work
	$(PYTEST) -m "not slow"

test: lint ## lint, and all tests
	$(PYTEST)

pages: .venv/ready ## write the generated pages of docs/
	$(BIN)/python -m docs.generate

bench: .venv/ready ## what syncing, resolving, pages and many organizations cost; writes benchmarks/*.md; half an hour
	$(BIN)/python -m benchmarks.resolution
	$(BIN)/python -m benchmarks.pages
	$(BIN)/python -m benchmarks.history
	$(BIN)/python -m benchmarks.organizations
	$(BIN)/python -m benchmarks.bench

lock: .venv/ready ## choose newer versions of the dependencies
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --upgrade \
		--python-version 3.11 --extra dev pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 --extra cluster --extra kubernetes --extra store --constraints requirements.lock \
		pyproject.toml --output-file deploy/requirements.lock

.PHONY: help demo ui lint check test pages bench lock
