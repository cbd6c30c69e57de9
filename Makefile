# Everything a developer or an operator does here.  `make help` lists it.

PORT ?= $(or $(POCKETTREND_PORT),8000)
DATA ?= $(or $(POCKETTREND_DATA),.pockettrend)
DEMO ?= $(or $(POCKETTREND_DEMO),1)

MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
RUN := .venv/.ready-to-run
DEV := .venv/.ready-to-develop
ASSETS := graph/http/static/vendor/.complete

# Name of the newest Python that works: a name alone may be an empty shell of a version manager.
FIND_PYTHON = for one in python3.13 python3.12 python3.11 python3; do \
	  if $$one -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then echo $$one; break; fi; done

.PHONY: help serve worker test test-long soak drill check bench bench-full schema migrate fix lock assets clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: PORT=$(PORT)  DATA=$(DATA)  DEMO=$(DEMO)"

serve: export POCKETTREND_PORT := $(PORT)
serve: export POCKETTREND_DATA := $(DATA)
serve: export POCKETTREND_DEMO := $(DEMO)
# Without kept bytecode each start compiles five hundred files anew, which takes a second.
serve: export PYTHONDONTWRITEBYTECODE :=
serve: $(RUN) ## Serve on 127.0.0.1:PORT in the foreground, with all state in DATA
	@test -e $(ASSETS) || $(MAKE) assets || echo "Without them the pages lack their editor." >&2
	@exec $(PYTHON) -m cli serve --follow-parent

worker: $(RUN) ## Run the worker as a process of its own (needs POCKETTREND_DATABASE_URL)
	@exec $(PYTHON) -m cli worker

test: $(DEV) $(ASSETS) ## Run all tests
	@$(PYTHON) -m pytest -n 2

test-long: $(DEV) $(ASSETS) ## Run the tests that take long: fleets, key rotation under load, generated documents
	@$(PYTHON) -m pytest -n 2 -m long

soak: $(DEV) ## Random commands against a model with faults on, half an hour (MINUTES=30, SEED=N plays one again)
	@$(PYTHON) -m tests.model.soak --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))

drill: $(DEV) ## Kill each part of a whole fleet in turn under load, MINUTES long (10), and say what it cost
	@$(PYTHON) -m tests.drill --minutes $(or $(MINUTES),10)

check: $(DEV) ## What CI runs: format, lint, types, walls between rooms, schema drift, tests
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy -p graph -p resolvers -p models -p rest_compat -m app -m assembly -m cli -m importing -m launch -m operating -m part_settings -m serving -m settings
	@.venv/bin/lint-imports
	@$(PYTHON) -m cli export-schema .venv/schema.graphql
	@diff -u schema.graphql .venv/schema.graphql || \
	  { echo "schema.graphql is not what the code says: make schema" >&2; exit 1; }
	@$(MAKE) test

bench: $(DEV) ## Measure the product beside its peers, some minutes (bench/)
	@$(PYTHON) -m bench

bench-full: $(DEV) ## The same with an import of 100k rows and a ledger of 1M
	@$(PYTHON) -m bench --full

schema: $(RUN) ## Write schema.graphql and docs/errors.md
	@$(PYTHON) -m cli export-schema schema.graphql
	@$(PYTHON) -c "from resolvers.errors import errors_page; print(errors_page(), end='')" > docs/errors.md

migrate: export POCKETTREND_DATA := $(DATA)
migrate: $(RUN) ## Bring the database in DATA (or the one that is set) up to date
	@exec $(PYTHON) -m cli migrate

fix: $(DEV) ## Format, and repair what the linter can
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

lock: $(DEV) ## Resolve pyproject.toml anew into both lock files
	@$(PYTHON) -m venv .venv/tools
	@.venv/tools/bin/python -m pip install --quiet uv
	@.venv/tools/bin/uv pip compile --quiet --universal --generate-hashes --no-header \
	  --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements.lock
	@.venv/tools/bin/uv pip compile --quiet --universal --generate-hashes --no-header \
	  --no-emit-index-url --python-version 3.11 --extra dev --extra tracing --extra errors pyproject.toml \
	  -o requirements-dev.lock

assets: $(ASSETS) ## Fetch the pinned browser libraries of the pages

clean: ## Remove caches; DATA and .venv stay
	@rm -rf .mypy_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info
	@find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

$(PYTHON):
	@found=$$($(FIND_PYTHON)); \
	  test -n "$$found" || { echo "Python 3.11 or newer is needed." >&2; exit 1; }; \
	  echo "making .venv with $$($$found --version)"; $$found -m venv --clear .venv

# The command `pockettrend`, and the rooms importable from anywhere, without a build of the project.
COMMAND = echo "$(CURDIR)" > "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/pockettrend.pth"; \
	printf '\#!%s/.venv/bin/python\nfrom cli import main\n\nmain()\n' "$(CURDIR)" > .venv/bin/pockettrend; \
	chmod +x .venv/bin/pockettrend

$(RUN): requirements.lock | $(PYTHON)
	@echo "installing what the server needs"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(COMMAND)
	@touch $@

$(DEV): requirements-dev.lock | $(PYTHON)
	@echo "installing what development needs"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(COMMAND)
	@touch $@ $(RUN)

$(ASSETS): graph/http/assets.py | $(PYTHON)
	@$(PYTHON) -m graph.http.assets
	@touch $@
