.DEFAULT_GOAL := help
# The distribution's where it serves: up to a seventh faster than one built without profiles (DECISIONS 48).
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo /usr/bin/)python3
BIN := .venv/bin
# Whatever the shell says: without compiled files every command and process would take a second more to start.
export PYTHONDONTWRITEBYTECODE :=
.PHONY: help demo test test-data check format lint types contracts schemas bench memory soak chaos chaos-short mutants lock clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# uv alone is installed by pip, from its own lines of the lock; uv then installs the whole lock in seconds.
.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	@awk '/^uv==/ {p=1; print; next} /^[^ ]/ {p=0} p' requirements.lock > .venv/uv.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: .venv/ready ## Start everything, simulate an agency, print the report
	$(BIN)/fineacers demo

test: .venv/ready ## Run all tests, on real Kafka, PostgreSQL and ClickHouse
	$(BIN)/pytest -m "not data" -n 3 --dist loadfile

test-data: .venv/ready ## Run the tests that need the real data files in ../shared/data
	$(BIN)/pytest -m data

check: format lint types contracts schemas ## Check format, lint, types, import contracts and schemas

format: .venv/ready ## Check the format
	$(BIN)/ruff format --check .

lint: .venv/ready ## Lint
	$(BIN)/ruff check .

types: .venv/ready ## Check the types
	$(BIN)/mypy

contracts: .venv/ready ## Check who imports whom
	$(BIN)/lint-imports

schemas: .venv/ready ## Check that the committed schemas fit the event types and break nobody
	$(BIN)/fineacers schemas check

bench: .venv/ready ## Measure steps, engine, sinks and the whole line
	$(BIN)/python -m tests.bench

memory: .venv/ready ## Draw a worker's memory over its keys into PNG (KEYS=1000000 PNG=out/memory.png)
	$(BIN)/python -m tests.bench.memory --keys $(or $(KEYS),1000000) --png $(or $(PNG),out/memory.png)

soak: .venv/ready ## Load the whole line and fail if anything grows (MINUTES=30 RATE=70 % of its maximum PNG=out/soak.png)
	$(BIN)/python -m tests.bench.soak --minutes $(or $(MINUTES),30) $(if $(RATE),--rate $(RATE)) --png $(or $(PNG),out/soak.png)

chaos: .venv/ready ## Run seeded schedules of trouble against the engine, and show that broken engines are caught
	$(BIN)/python -m tests.chaos
	$(BIN)/python -m tests.chaos --broken all

chaos-short: .venv/ready ## Run two dozen seeded schedules of trouble, a few minutes
	$(BIN)/python -m tests.chaos --runs 4 --schedule kills --schedule points --schedule wiped --schedule join_and_leave \
		--schedule frozen --schedule unanswered

mutants: .venv/ready ## Break the rules that matter one by one; every break must be noticed
	$(BIN)/python -m tests.mutants

lock: .venv/ready ## Pin the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--python-version 3.11 --group dev pyproject.toml -o requirements.lock

clean: ## Delete the local stack's state and caches of tools (the virtual environment stays)
	-$(BIN)/fineacers down --delete-data
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
