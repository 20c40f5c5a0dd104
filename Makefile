# The commands of this repository. `make` alone prints them.

PORT ?= 5000
WORKERS ?= 3
ROUNDS ?= 3
SECS ?= 3
PYTHON ?= python3
ARGS ?=
BASE_IMAGE ?= docker.io/library/python:3.13-slim

BIN := .venv/bin
# Stamps: newer than the requirements means that .venv holds them.
RUNTIME := .venv/requirements.stamp
DEVELOPMENT := .venv/requirements-dev.stamp
DOCUMENTATION := .venv/requirements-docs.stamp
# Clients in JavaScript, which the tests run.
NODE_CLIENTS := tests/real_clients/node/node_modules/.package-lock.json \
	tests/real_clients/mcp_conformance/node_modules/.package-lock.json
# A warning fails the build; one build shows all of them. -n: every reference has to lead somewhere.
SPHINX = $(BIN)/python -m sphinx -q -W --keep-going -n -j auto -d docs/_build/doctrees
# Sphinx says what is wrong with a page when it reads it: after a failure all of them are read again.
BUILD_SITE = $(SPHINX) -b html docs docs/_build/html || { rm -rf docs/_build/doctrees; exit 1; }
PIP_COMPILE = CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host $(if $(UPGRADE),--upgrade)

# The tests of a file stay together: they share its applications. One file alone is quicker without workers.
# One more worker than cores: a third of its time a worker waits, for a disk, a server or a clock.
# A worker that crashes ends the run: the one that replaced it would wait for ever if a single test were left to it.
PARALLEL = $(if $(ONE_FILE),,-n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0)
ONE_FILE = $(and $(filter 1,$(words $(filter tests/%,$(ARGS)))),$(findstring .py,$(ARGS)))

export PYTHON
# The tests start hundreds of processes, each of which would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test check fix soak screenshots catalogue container diagrams docs docs-serve docs-links docs-reference bench \
	lock clean test-programs free-port check-platforms

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(RUNTIME) free-port  ## serve the demo on http://127.0.0.1:5000 (PORT=8000 for another port)
	@AUTHLIB_INSECURE_TRANSPORT=1 $(BIN)/flask initdb
	@AUTHLIB_INSECURE_TRANSPORT=1 exec $(BIN)/flask run --port $(PORT)

test: $(DEVELOPMENT) test-programs $(NODE_CLIENTS)  ## run the tests (WORKERS=3, ARGS="-k login"); installs what they need
	$(BIN)/python -m pytest $(PARALLEL) -m "not soak" $(ARGS)

check: $(DEVELOPMENT)  ## lint, formatting, types, spelling, deployment files, architecture, and the documentation builds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/kubernetes-validate --strict --quiet deploy/kubernetes/*.yaml
	$(BIN)/python -m pytest -q tests/test_architecture.py
	$(BUILD_SITE)

fix: $(DEVELOPMENT)  ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(DEVELOPMENT) test-programs $(NODE_CLIENTS)  ## run the tests that take minutes
	$(BIN)/python -m pytest -m soak -o faulthandler_timeout=0 $(ARGS)

screenshots: $(DEVELOPMENT) test-programs  ## take every page, light and dark, narrow and wide, into build/screenshots
	$(BIN)/python tools/screenshots.py $(ARGS)

catalogue: $(DEVELOPMENT)  ## write website/translations/messages.pot from the code, and update every language
	$(BIN)/python tools/write_catalogue.py

diagrams: $(DOCUMENTATION)  ## draw the documents' new and changed diagrams into docs/images/diagrams
	$(BIN)/python tools/draw_diagrams.py

docs: $(DOCUMENTATION)  ## build the documentation as a site, in docs/_build/html; installs what that needs
	@echo "Building the documentation (half a minute the first time) ..."
	@$(BUILD_SITE)
	@echo "Open docs/_build/html/index.html, or run make docs-serve."

docs-serve: docs  ## build the documentation and serve it on http://127.0.0.1:8000 (PORT=9000 for another port)
	@exec $(BIN)/python -m http.server --bind 127.0.0.1 --directory docs/_build/html $(if $(filter file,$(origin PORT)),8000,$(PORT))

docs-links: $(DOCUMENTATION)  ## ask every address that the documentation links to; this alone needs the network
	$(SPHINX) -b linkcheck docs docs/_build/links

docs-reference: $(DEVELOPMENT)  ## write docs/reference anew from the code
	$(BIN)/python tools/write_reference.py

bench: $(DEVELOPMENT)  ## measure the load beside other servers, on a quiet machine (ROUNDS=3, SECS=3); installs them
	@$(PYTHON) bench/run.py setup
	@$(PYTHON) bench/run.py compare --rounds $(ROUNDS) --secs $(SECS) $(ARGS)

container: $(DEVELOPMENT)  ## build the container image and try it; needs root, buildah and runc (BASE_IMAGE=...)
	$(BIN)/python tools/try_container.py --base-image $(BASE_IMAGE) $(ARGS)

lock: $(DEVELOPMENT)  ## pin the requirements anew (UPGRADE=1 takes newer versions)
	$(PIP_COMPILE) --output-file requirements.txt requirements.in
	$(PIP_COMPILE) --output-file requirements-docs.txt requirements-docs.in
	$(PIP_COMPILE) --allow-unsafe --output-file requirements-dev.txt requirements-dev.in

check-platforms: $(DEVELOPMENT)  ## ask the package index whether every platform that the README names can install
	$(BIN)/python tools/check_platforms.py

clean:  ## remove .venv, caches and builds; the demo's instance/ stays
	rm -rf .venv tests/real_clients/*/node_modules build dist docs/_build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The demo's tables are not made before it is clear that it can start.
free-port:
	@$(BIN)/python -c 'import socket; socket.create_server(("127.0.0.1", $(PORT))).close()' 2>/dev/null || { \
		echo "Port $(PORT) is in use by another program (on a Mac, AirPlay Receiver uses 5000)." >&2; \
		echo "Choose another one: make run PORT=8000" >&2; exit 1; }

test-programs:
	@tools/install-test-programs

$(NODE_CLIENTS): %/node_modules/.package-lock.json: %/package-lock.json | test-programs
	@cd $* && npm ci --silent --no-audit --no-fund
	@touch $@

$(RUNTIME): requirements.txt
	@echo "Setting up .venv ..."
	@tools/make-venv requirements.txt
	@touch $@

$(DOCUMENTATION): requirements-docs.txt
	@echo "Setting up .venv for the documentation ..."
	@tools/make-venv requirements-docs.txt
	@touch $@

$(DEVELOPMENT): requirements.txt requirements-dev.txt
	@echo "Setting up .venv for development ..."
	@tools/make-venv requirements.txt requirements-dev.txt
	@touch $(RUNTIME) $(DOCUMENTATION) $@
