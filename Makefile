# Kent Card: `make help` lists what can be made. Every target does its own set-up.

SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

# What the demo needs from Debian: a compiler and headers for pyscard and the reader driver, pcscd, and the fonts of letters.
PACKAGES_DEMO := gcc libc6-dev python3-dev libpcsclite-dev libpcsclite1 pcscd fonts-dejavu-core fonts-droid-fallback
# What the tests add, none of it ours: a reader driver, a DESFire library, a database server, a browser with fonts, an OpenID client.
# Of libnfc the tests build the driver that Debian leaves out, from the source of the same Debian mirror, with the same gcc.
PACKAGES_TEST := vsmartcard-vpcd pcsc-tools opensc softhsm2 postgresql chromium fonts-liberation apache2 libapache2-mod-auth-openidc libfreefare-bin

# Virtual readers run a pcscd of their own in a mount namespace, which takes root.
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo --preserve-env)

.DEFAULT_GOAL := help
.PHONY: help demo test check bench serve setup setup-test docs words locks clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: setup ## play the whole story on virtual readers, then stay up (ONCE=1: play it and exit)
	@$(AS_ROOT) $(BIN)/kentcard demo $(if $(ONCE),--once)

test: setup-test ## run every test (ARGS: which, and how)
	@$(AS_ROOT) $(BIN)/pytest -n 2 --dist loadfile $(ARGS)

check: setup-test ## lint, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup-test ## print what a user waits for, beside a floor or peer (ARGS: which; all take a quarter of an hour)
	@$(AS_ROOT) $(BIN)/python -m bench $(ARGS)

serve: setup ## run the server on http://localhost:8000 with the settings of the environment
	@$(BIN)/kentcard serve

setup: .venv/.packages-demo .venv/.ready ## prepare this machine for the demo and the server
	@$(BIN)/python -m readers.virtual.driver.build
	@$(BIN)/python -m cardservice.web.frontend.build

setup-test: setup .venv/.packages-test
	@$(BIN)/python -m tests.support.libnfc

docs: setup ## make the documents that are made from the code
	@$(BIN)/python docs/generate.py

words: .venv/.ready ## collect the words of the pages into the catalogue
	@$(BIN)/python -m cardservice.web.words

locks: ## lock the requirements anew, with hashes and without addresses (needs uv)
	@for lock in "requirements.lock --extra terminal --extra server" "requirements-terminal.lock --extra terminal" \
	  "requirements-verify.lock --extra verify" \
	  "requirements-dev.lock --extra terminal --extra server --extra verify --extra dev"; do set -- $$lock; \
	  uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header "$${@:2}" pyproject.toml -o "$$1"; done

clean: ## forget the virtual environment and everything made
	@rm -rf .venv var build dist cardservice/web/static/built

.venv/bin/python:
	@echo "setup: making the virtual environment"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Kent Card needs Python 3.11 or newer." >&2; exit 3; }
	@$(PYTHON) -m venv .venv

# pyscard is built from source: the Debian packages come first.
.venv/.ready: requirements-dev.lock pyproject.toml | .venv/bin/python .venv/.packages-demo
	@echo "setup: installing the locked requirements"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

.venv/.packages-demo: Makefile | .venv/bin/python
	@$(call install,$(PACKAGES_DEMO))
	@touch $@

.venv/.packages-test: Makefile | .venv/bin/python
	@$(call install,$(PACKAGES_TEST))
	@touch $@

# Installs what is missing, as root or through sudo. A policy file keeps Debian from starting the services
# it brings: the demo and the tests start their own, on loopback and by pid.
define install
set -e; missing=; for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q ' installed$$' || missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then \
  if [ "$$(id -u)" = 0 ]; then as=env; elif command -v sudo >/dev/null; then as="sudo env"; \
  else echo "Please install as root:$$missing" >&2; exit 3; fi; \
  echo "setup: installing Debian packages:$$missing"; \
  policy=/usr/sbin/policy-rc.d; [ -e $$policy ] || { made=$$policy; printf '#!/bin/sh\nexit 101\n' | $$as tee $$policy >/dev/null; $$as chmod 755 $$policy; }; \
  trap '[ -z "$$made" ] || $$as rm -f $$made' EXIT; \
  log=$$(mktemp); { $$as apt-get update -q && $$as DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; } >$$log 2>&1 \
    || { tail -n 20 $$log >&2; echo "Debian packages could not be installed:$$missing" >&2; exit 3; }; rm -f $$log; \
fi
endef
