# The one set of commands for people, CI and the README. `make` alone explains them.
# Needs: Linux, python3 >= 3.11 with venv, make; for the local cluster also root (or Docker, for kind).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CACHE ?= $(or $(GRAPHRUN_CACHE),$(HOME)/.cache/graphrun)
UV_VERSION := 0.13.8
UV := $(CACHE)/uv-$(UV_VERSION)/bin/uv
PY := .venv/bin/python
MEMBERS := core checkpoints operator runner api devcluster
PYTEST := $(PY) -m pytest
SOURCES := core checkpoints operator runner api devcluster tests examples scripts benchmarks

export UV

##@ Try it
.PHONY: demo
demo: setup ## A real cluster, the chart, a real workflow: progress, pause, resume, cancel, result
	@$(PY) -m graphrun_devcluster demo

.PHONY: up
up: setup ## Bring up the cluster with graphrun installed (again: only what changed)
	@$(PY) -m graphrun_devcluster up

.PHONY: down
down: setup ## End the cluster; nothing stays running or mounted, caches stay
	@$(PY) -m graphrun_devcluster down

.PHONY: env
env: setup ## Print export lines for the running cluster: eval "$$(make -s env)"
	@$(PY) -m graphrun_devcluster env

##@ Check it
.PHONY: test
test: lint types unit model packaging integration e2e ## Everything, in the order of cost

.PHONY: unit
unit: setup ## Values only: no cluster, no server
	$(PYTEST) tests/unit

# With one of MOVES, MISHAPS, OPERATORS, ONLY: those settings, as wide as is asked for. With OFF: without that rule.
.PHONY: model
model: setup ## The five rules under every interleaving (MOVES=3 MISHAPS=1 ONLY=node explores more, OFF=proof leaves one out)
ifneq ($(MOVES)$(MISHAPS)$(OPERATORS)$(ONLY)$(OFF),)
	@PYTHONPATH=tests $(PY) -m model $(if $(MOVES),--moves $(MOVES)) $(if $(MISHAPS),--faults $(MISHAPS)) \
		$(if $(OPERATORS),--operators $(OPERATORS)) $(if $(ONLY),--only "$(ONLY)") $(if $(OFF),--off "$(OFF)")
else
	$(PYTEST) tests/model
endif

.PHONY: packaging
packaging: components ## Charts, images, generated files
	@$(PY) -m graphrun_devcluster images >/dev/null
	$(PYTEST) tests/packaging

.PHONY: integration
integration: components ## Real control plane, Postgres and S3 server
	$(PYTEST) tests/integration

# Failing seeds are printed: SEED=… repeats them.
ROUNDS ?= 200
SEED ?= 0
.PHONY: soak-checkpoints
soak-checkpoints: setup ## Kill processes that checkpoint, ROUNDS runs long, and at every PUT of a large one
	GRAPHRUN_SOAK_ROUNDS=$(ROUNDS) GRAPHRUN_SOAK_SEED=$(SEED) $(PYTEST) tests/integration/checkpoints/test_crashes.py

# Two minutes, and some seconds for each of EXAMPLES. A failure is told with its request and its seed.
EXAMPLES ?= 50
.PHONY: fuzz-api
fuzz-api: components ## Made-up requests to every operation of the OpenAPI document, EXAMPLES to each
	GRAPHRUN_SCHEMATHESIS_EXAMPLES=$(EXAMPLES) $(PYTEST) tests/integration/api/test_document.py

.PHONY: bench-api
bench-api: components ## The API on one core: requests, events in, streams, lists over a million runs, beside other servers (BENCH="--only rates")
	@PYTHONPATH=tests $(PY) -m benchmarks.api $(BENCH)

.PHONY: bench-checkpoints
bench-checkpoints: setup ## Our checkpoint saver beside the published ones: requests, bytes, times (11 min; BENCH="--quick")
	@PYTHONPATH=tests $(PY) -m benchmarks.checkpoints $(BENCH)

# On the cluster that is up, or is brought up: GRAPHRUN_CLUSTER_NAME says which. Options: BENCH="--only …".
define on_the_cluster
	@$(PY) -m graphrun_devcluster up >/dev/null
	@PYTHONPATH=tests $(PY) -m $(1) -n $(2) $(BENCH)
endef

.PHONY: bench-latency
bench-latency: components ## Cancel in each phase, by REST, by kubectl, without the API; pause, resume, start (N=100: hours)
	$(call on_the_cluster,benchmarks.latency,$(or $(N),100))

.PHONY: bench-failover
bench-failover: components ## An operator lost, an API replica lost: how long the work stands still
	$(call on_the_cluster,benchmarks.failover,$(or $(N),5))

.PHONY: bench-writes
bench-writes: components ## Writes to the API server for one run, by the audit log (BENCH=--each)
	$(call on_the_cluster,benchmarks.writes,$(or $(N),3))

.PHONY: e2e
e2e: components ## The product by its chart on a real node
	@$(PY) -m graphrun_devcluster up >/dev/null
	$(PYTEST) tests/e2e

FAULTS := tests/e2e/faults
MINUTES ?= 10
.PHONY: faults
faults: components ## Break every part for 30 s, and race ROUNDS rounds of each race (SEED=… repeats)
	@$(PY) -m graphrun_devcluster up >/dev/null
	GRAPHRUN_FAULT_ROUNDS=$(ROUNDS) GRAPHRUN_FAULT_SEED=$(SEED) GRAPHRUN_OUTAGE_SECONDS=30 \
		$(PYTEST) -s $(FAULTS) --ignore=$(FAULTS)/test_soak.py

.PHONY: soak
soak: components ## Thirty runs at once, told and hit at random, for MINUTES
	@$(PY) -m graphrun_devcluster up >/dev/null
	GRAPHRUN_SOAK_MINUTES=$(MINUTES) GRAPHRUN_FAULT_SEED=$(SEED) $(PYTEST) -s $(FAULTS)/test_soak.py

# Before the tests, not in them: the first build takes minutes, and a test has a time limit.
.PHONY: components
components: setup ## Build what tests run on into the cache, once a version: Kubernetes, MinIO, moto
	@$(PY) -m graphrun_devcluster components >/dev/null
	@$(PY) tests/support/locked_environment.py moto

.PHONY: lint
lint: setup ## ruff, format, import contracts, unused dependencies
	@$(PY) -m ruff check $(SOURCES)
	@$(PY) -m ruff format --check $(SOURCES)
	@.venv/bin/lint-imports
	@$(PY) scripts/check_dependencies.py

.PHONY: types
types: setup ## mypy, strict
	@$(PY) -m mypy

##@ Change it
.PHONY: setup
setup: .venv/.complete ## The virtual environment (made by itself where needed)

.PHONY: fmt
fmt: setup ## Format and mend what can be mended
	@$(PY) -m ruff check --fix $(SOURCES)
	@$(PY) -m ruff format $(SOURCES)

.PHONY: generate
generate: setup ## Regenerate what is derived: the CRD chart, inline sources of the examples, docs/openapi.json
	@$(PY) scripts/generate_crds_chart.py
	@$(PY) scripts/render_examples.py
	@$(PY) scripts/write_openapi.py

.PHONY: lock
lock: $(UV) ## Resolve the dependencies anew into locks/, keeping pins that still fit
	@scripts/lock.sh

.PHONY: clean
clean: ## Remove what was made in this folder (caches outside stay)
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*##/ {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo

# ---------------------------------------------------------------- how the environment is made
$(UV):
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "graphrun needs python3 >= 3.11 on PATH (Debian: apt-get install python3 python3-venv)"; exit 1; }
	@python3 -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "graphrun needs Python's venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "installing uv $(UV_VERSION)"
	@rm -rf $(CACHE)/uv-$(UV_VERSION) && mkdir -p $(CACHE)
	@python3 -m venv $(CACHE)/uv-$(UV_VERSION)
	@$(CACHE)/uv-$(UV_VERSION)/bin/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)

.venv/.complete: locks/dev.txt pyproject.toml $(MEMBERS:%=%/pyproject.toml) | $(UV)
	@echo "preparing .venv"
	@[ -x $(PY) ] || $(UV) venv -q --python "$$(command -v python3)" .venv
	@$(UV) pip install -q --python $(PY) --require-hashes -r locks/dev.txt
	@$(UV) pip install -q --python $(PY) --no-deps $(MEMBERS:%=-e ./%)
	@touch $@
