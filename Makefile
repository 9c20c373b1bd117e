# Two commands do everything: `make run` and `make test`. The rest is listed by `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test check format lock bench bench-modes bench-routing train conformance faults faults-short kill-test soak demo-local clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# stamps make a second start instant and offline: pip runs again only when a lock or the project file changed
$(VENV)/.run: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one with: make run PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/.run ## install what is missing and start the service on 127.0.0.1:8000
	@exec $(BIN)/llm-router serve

test: $(VENV)/.dev check ## format, lint, types, layers, tests
	$(BIN)/python -m pytest -n 2

check: $(VENV)/.dev ## format, lint, types and layer contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev ## put the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.dev ## renew both lock files
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group build --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock

bench: $(VENV)/.run ## CPU per request beside a bare proxy (minutes; ARGS=--short for a quick look)
	@$(BIN)/python bench/run.py $(ARGS)

bench-modes: $(VENV)/.dev ## what the three modes choose over bench/prompts.jsonl, and what other weights would; draws docs/plots/modes.svg
	@$(BIN)/python bench/modes.py --plot docs/plots/modes.svg $(ARGS)

bench-routing: $(VENV)/.dev ## routing quality on public data (DATA=<folder>, see training/DATA.md); writes docs/routing-quality.md
	@$(BIN)/python -m bench.routing.run $(if $(DATA),--data "$(DATA)") $(ARGS)

train: $(VENV)/.dev ## train the weights that ship (DATA=<folder>, see training/DATA.md)
	@test -n "$(DATA)" || { echo "name the data: make train DATA=<folder>; training/DATA.md says how to get it" >&2; exit 2; }
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m training.export "$(DATA)"

conformance: $(VENV)/.dev ## every feature over every face with every provider; writes docs/conformance.md
	@$(BIN)/python conformance/run.py $(ARGS)

faults: $(VENV)/.dev ## every case of the fault catalogue with real parts (minutes); writes docs/faults.md
	@$(BIN)/python faults/run.py $(ARGS)

faults-short: $(VENV)/.dev ## a part of it in less than a minute
	@$(BIN)/python faults/run.py --short $(ARGS)

kill-test: $(VENV)/.dev ## 200 kill -9 of workers under load: no acknowledged call is lost (minutes; ARGS=--short for 20)
	@$(BIN)/python faults/process/kill_test.py $(ARGS)

soak: $(VENV)/.dev ## ten minutes of faults: nothing grows and nothing is lost (ARGS=--short for 20 s)
	@$(BIN)/python faults/process/soak.py $(ARGS)

demo-local: $(VENV)/.run ## serve a real small model, no key and no network at run time
	@PYTHON=$(PYTHON) scripts/demo-local.sh

clean: ## remove the environments and caches (not logs/ and cache/)
	rm -rf $(VENV) .venv-demo .mypy_cache .ruff_cache .hypothesis
