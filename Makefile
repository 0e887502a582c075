# What one can do here; `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
export ORT_DISABLE_TELEMETRY := 1

.PHONY: help install run test test-fast test-long lint lint-pipelines types format lock bench chaos soak fuzz audit env up down stack-test clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The stamp stands for "installed exactly what the lock file says"; the install lists our packages, so a new one counts.
.venv/installed: requirements/bootstrap.lock requirements/all.lock pyproject.toml $(wildcard */__init__.py)
	@echo "Installing pinned dependencies into .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements/all.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

install: .venv/installed ## make .venv with the pinned dependencies

run: .venv/installed ## start everything on this machine: database, registry, first model, server on port 8000
	@$(BIN)/python -m fraud.stack

# Compiled modules are kept, whatever the shell says: each process that a test starts would compile its own anew.
unexport PYTHONDONTWRITEBYTECODE

# What takes minutes, or a Docker engine, is run by `make test-long` and `make stack-test` only.
SHORT := not long and not docker

# Two workers train at once; threads of theirs that wait for each other are to sleep, not to spin.
test-fast test: export OMP_WAIT_POLICY := passive

test-fast: .venv/installed ## run the tests that need no service
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not service and not alone and $(SHORT)"

test: .venv/installed ## run the test suite
	@$(BIN)/python -m pytest --durations 25 -n 2 --dist loadgroup -m "not alone and $(SHORT)"
	@$(BIN)/python -m pytest --durations 25 -m "alone and $(SHORT)"

test-long: .venv/installed ## run the tests that take minutes, such as simulated error rates
	@$(BIN)/python -m pytest -m long --timeout 3600

lint: .venv/installed ## check style and security rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

lint-pipelines: ## check the style of the Jenkinsfiles; needs npm and Java
	@npx --yes npm-groovy-lint@15.2.2 --noserver --failon warning --config jenkins/pipelines/.groovylintrc.json jenkins/pipelines/*.Jenkinsfile

types: .venv/installed ## check types
	@$(BIN)/mypy

format: .venv/installed ## put the code into its form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: .venv/installed ## measure a running server
	@$(BIN)/python -m bench

chaos: .venv/installed ## break each part in turn under load; is any answer lost?
	@$(BIN)/python -m bench chaos

soak: .venv/installed ## load for ten minutes, then twice as much as it can do: is it flat, does it stay useful?
	@$(BIN)/python -m bench soak

fuzz: .venv/installed ## a million hostile inputs to every decoder and to the server's socket
	@$(BIN)/python -m tests.serve.fuzz

audit: .venv/installed ## known vulnerabilities of the pinned packages; asks over the network
	@$(BIN)/python -m requirements.audit

env: ## write .env for Docker: random passwords, readable by you alone; those that are there stay
	@umask 077; touch .env; [ -z "$$(tail -c 1 .env)" ] || echo >> .env; \
	for name in $$(sed -n 's/^\([A-Z_]*\)=$$/\1/p' .env.example); do \
		grep -q "^$$name=" .env && continue; \
		case $$name in \
			API_KEYS) value=local:score+read:$$(sed -n 's/^SCORING_API_KEY=//p' .env | tr -d '\n' | sha256sum | cut -c -64);; \
			*) value=$$(head -c 33 /dev/urandom | base64 | tr +/ -_);; \
		esac; \
		echo "$$name=$$value" >> .env; \
	done
	@echo "Passwords are in .env, readable by you alone; .env.example says what each is for."

up: env ## start everything with Docker, in the background; returns when server and Jenkins are ready
	@docker compose up --build --detach

down: ## stop what `make up` started; data stay in Docker's volumes
	@docker compose down

stack-test: .venv/installed ## start everything with Docker, under a name of its own, and try it; needs a Docker engine
	@$(BIN)/python -m pytest -m docker --timeout 3600

# Servers that ours is compared with, each in an environment of its own (`python -m bench peers`).
PEERS := mlserver mlflow bentoml original
# What tests compare our statistics with, each in an environment of its own too.
ORACLES := evidently
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: .venv/installed ## resolve the dependencies anew and write the lock files
	@$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.lock
	@$(COMPILE) pyproject.toml --all-extras requirements/bootstrap.in -o requirements/all.lock
	@$(COMPILE) pyproject.toml --extra serve -c requirements/all.lock -o requirements/serve.lock
	@$(COMPILE) pyproject.toml --extra train -c requirements/all.lock -o requirements/train.lock
	@$(COMPILE) pyproject.toml --extra mlflow -c requirements/all.lock -o requirements/mlflow.lock
	@$(COMPILE) pyproject.toml --extra serve --extra train --extra bench --extra jenkins -c requirements/all.lock -o requirements/agent.lock
	@for peer in $(PEERS); do $(COMPILE) requirements/peers/$$peer.in --override requirements/peers/overrides.in -o requirements/peers/$$peer.lock || exit 1; done
	@for oracle in $(ORACLES); do $(COMPILE) requirements/oracles/$$oracle.in -o requirements/oracles/$$oracle.lock || exit 1; done

clean: ## remove what was installed, generated and served here (data included)
	@rm -rf .venv .run .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
