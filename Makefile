# Needs Python 3.11 or newer and nothing else. `make` alone lists what there is.

VENV := .venv
BIN := $(VENV)/bin
CACHE := .cache
TOOLS := $(CACHE)/deploy-tools
PIP := $(BIN)/python -m pip --disable-pip-version-check

# 3.12 and 3.11 first: for them every locked package has a wheel, a redis-server among them.
PYTHON ?= $(shell for python in python3.12 python3.11 python3.13 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$python && break; done)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test faults chaos check fmt bench bench-ingest bench-api bench-export soak lock settings-doc metrics-doc \
	collector check-deploy check-image clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | \
		while IFS="$$(printf '\t')" read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

run: $(VENV)/.stamp-run ## the whole stack on this machine, with simulated rides (ARGS="--port 8001" ...)
	$(BIN)/openride-analytics dev $(ARGS)

test: $(VENV)/.stamp-dev ## all tests, the faults of ingestion for a twentieth of their time (ARGS="tests/unit -k settings" ...)
	$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

faults: $(VENV)/.stamp-dev ## the faults of ingestion at their full length, about half an hour
	OPENRIDE_FAULTS=full $(BIN)/python -m pytest tests/faults --timeout 600 $(ARGS)

chaos: $(VENV)/.stamp-dev ## random faults against replicas under load (SEED=7 MINUTES=5)
	$(BIN)/python -m tests.faults.chaos $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

check: $(VENV)/.stamp-dev ## format, lint, types and the import contract; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/.stamp-dev ## format, and mend what the linter can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.stamp-dev ## measure this machine: decode, insert, end to end
	$(BIN)/python -m tests.bench $(ARGS)

bench-ingest: $(VENV)/.stamp-dev ## measure ingestion at length: 2 million events, steady rates, comparisons (half an hour)
	$(BIN)/python -m tests.bench ingest --events 2000000 --runs 1 --compare --rates 200:600,10000:60 $(ARGS)

bench-api: $(VENV)/.stamp-dev ## measure questions: 10 million events, then 1 and 30 million (half an hour)
	$(BIN)/python -m tests.bench api --sizes 10000000,1000000,30000000 --ingesting 60 $(ARGS)

bench-export: $(VENV)/.stamp-dev ## measure exports of 10 million rows, and what others need for the same (ten minutes)
	$(BIN)/python -m tests.bench exports --rows 10000000 $(ARGS)

soak: $(VENV)/.stamp-dev ## hold all roles under 2,000 events/s, questions, exports and reports: what grows (MINUTES=30)
	$(BIN)/python -m tests.bench.soak $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

# What is locked: exact versions and the hashes of their files, for every platform; no place to get them from.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header
BUILD = --group pyproject.toml:build

lock: $(VENV)/.stamp-dev ## resolve anew the lock files' versions (ARGS="--upgrade" for the newest)
	$(LOCK) $(BUILD) pyproject.toml --extra embedded $(ARGS) -o requirements.lock
	$(LOCK) $(BUILD) pyproject.toml --extra dev --constraint requirements.lock $(ARGS) -o requirements-dev.lock
	$(LOCK) pyproject.toml --constraint requirements.lock -o requirements-service.lock
	$(LOCK) $(BUILD) --constraint requirements.lock -o requirements-build.lock

settings-doc: $(VENV)/.stamp-dev ## write the table of settings into README.md, and deploy/env.example
	$(BIN)/python -m openride_analytics.settings README.md deploy/env.example

check-deploy: $(TOOLS)/.stamp ## check deploy/ and Containerfile, each by its own checker; the first time builds them (a quarter of an hour)
	PATH="$(abspath $(TOOLS)/bin):$$PATH" TOOLS=$(TOOLS) sh deploy/check/all.sh

check-image: ## carry out Containerfile's steps in a clean root, as root, and start what comes out (three minutes)
	python3 deploy/check/image.py $(CACHE)/image

metrics-doc: $(VENV)/.stamp-dev ## write the table of metrics into README.md
	$(BIN)/python -m openride_analytics.telemetry README.md

collector: ## build OpenTelemetry's Collector, which one test sends traces to (needs Go; some minutes)
	GOBIN=$(CURDIR)/.cache/otelcol go install go.opentelemetry.io/collector/cmd/builder@v0.165.0
	CGO_ENABLED=0 .cache/otelcol/builder --config tests/support/otelcol.yaml

clean: ## remove the virtual environment and all caches (not .data, where `make run` keeps its data)
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The packages of development hold those of a run, in the same versions: who has the first has both.
$(VENV)/.stamp-dev: requirements-dev.lock pyproject.toml $(VENV)/.stamp-venv
	$(PIP) install --require-hashes -r requirements-dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $(VENV)/.stamp-run $@

$(VENV)/.stamp-run: requirements.lock pyproject.toml $(VENV)/.stamp-venv
	@echo "Installing the service and its embedded servers, once."
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# Checkers of deploy/, in versions that are pinned in deploy/check: one that is on the PATH is not built.
$(TOOLS)/.stamp: deploy/check/tools.sh deploy/check/requirements.txt deploy/check/collector.yaml
	sh deploy/check/tools.sh $(TOOLS)
	@touch $@

$(VENV)/.stamp-venv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found on the PATH" \
		"(looked for python3.12, python3.11, python3.13, python3, python; or say PYTHON=...)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@
