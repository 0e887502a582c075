# What one can do here; `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# PYTHON=... makes the environment of that Python; without, the newest that is here and supported.
VENV ?= .venv
BIN := $(VENV)/bin
export ORT_DISABLE_TELEMETRY := 1
# Packages are installed without bytecode: Python makes it for what is imported, and must be allowed to keep it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install run test test-fast test-long first-start acceptance lint prose lint-pipelines docs docs-check types format lock bench chaos soak fuzz audit release env up down stack-test sbom clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Looks at each start whether the environment is there, works and is of the Python asked for; new only if not.
$(VENV)/pyvenv.cfg: FORCE
	@sh requirements/environment.sh $(VENV) $(PYTHON)
FORCE:

$(BIN)/uv: $(VENV)/pyvenv.cfg requirements/bootstrap.lock
	@echo "Installing the installer, uv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@touch $@

# Our own packages are listed when they are installed, so a new one counts.
SOURCES := pyproject.toml $(wildcard */__init__.py)

# First only what `make run` needs, so that it starts soon.
$(VENV)/run-installed: $(BIN)/uv requirements/run.lock $(SOURCES)
	@echo "Downloading and installing the packages that \`make run\` needs (once) ..."
	@$(BIN)/uv pip install --quiet --no-deps --require-hashes --python $(BIN)/python -r requirements/run.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

# The stamp stands for "installed exactly what the lock file says": what is not in it is removed.
$(VENV)/installed: $(VENV)/run-installed requirements/all.lock
	@echo "Downloading and installing the packages of tests and tools (once) ..."
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/all.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

install: $(VENV)/installed ## make .venv with the pinned dependencies

run: $(VENV)/run-installed ## start everything on this machine: database, registry, first model, server on port 8000
	@$(BIN)/python -m fraud.stack

# What takes minutes, or a Docker engine, is run by `make test-long` and `make stack-test` only.
SHORT := not long and not docker

# Two workers train at once; threads of theirs that wait for each other are to sleep, not to spin.
test-fast test: export OMP_WAIT_POLICY := passive

test-fast: $(VENV)/installed ## run the tests that need no service
	@$(BIN)/python -m pytest -n 2 -m "not service and not simulation and not alone and $(SHORT)"

# Whatever fails beside others, those that want the machine alone still run; a failure of either is one of both.
test: $(VENV)/installed ## run the test suite
	@$(BIN)/python -m pytest --durations 25 -n 2 -m "not alone and $(SHORT)"; beside=$$?; \
	$(BIN)/python -m pytest --durations 25 -m "alone and $(SHORT)" && exit $$beside

first-start: $(VENV)/installed ## try a first `make run`, small and in a folder of its own: start, one answer, Ctrl-C
	@$(BIN)/python -m tests.first_start

# Page, logs and, while it runs, the stack.
ACCEPTANCE_DIR ?= .run/acceptance
MONTHS ?= 12
SCALE ?= 1.0
acceptance: $(VENV)/installed ## the original's acceptance: a request, a young wave with its retraining, twelve months; a page
	@$(BIN)/python -m tests.acceptance --folder $(ACCEPTANCE_DIR) --months $(MONTHS) --scale $(SCALE)

test-long: $(VENV)/installed ## run the tests that take minutes, such as simulated error rates
	@$(BIN)/python -m pytest -m "long and not docker" --timeout 3600

lint: prose ## check style, security rules, spelling and English
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell

# What proselint reads: pages that people write. `.proselintrc.json` leaves out rules that headings, tables and ISO dates break.
PAGES := $(wildcard *.md docs/*.md bench/*.md jenkins/*/*.md deploy/*.md deploy/*/*.md) $(addprefix docs/,adr explanation how-to runbooks tutorial)
prose: $(VENV)/installed ## check the English of documents, docstrings and comments
	@$(BIN)/proselint --output-format compact check $(PAGES)
	@$(BIN)/python -m tests.docs.plain_english

lint-pipelines: ## check the style of the Jenkinsfiles; needs npm and Java
	@npx --yes npm-groovy-lint@15.2.2 --noserver --failon warning --config jenkins/pipelines/.groovylintrc.json jenkins/pipelines/*.Jenkinsfile

# Quiet, strict (a broken link is an error), from the top folder: docs/conf.py.
SITE := $(BIN)/sphinx-build -q -n -W --keep-going -c docs -b html . build/site

docs-check: $(VENV)/installed ## build the site of docs/; a broken link is an error
	@$(SITE)

docs: docs-check ## build the site of docs/ and serve it on http://127.0.0.1:8001/docs/; Ctrl-C ends it
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site 8001

types: $(VENV)/installed ## check types
	@$(BIN)/mypy

format: $(VENV)/installed ## put the code into its form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/installed ## measure a running server
	@$(BIN)/python -m bench

chaos: $(VENV)/installed ## break each part in turn under load; is any answer lost?
	@$(BIN)/python -m bench chaos

soak: $(VENV)/installed ## load for ten minutes, then twice as much as it can do: is it flat, does it stay useful?
	@$(BIN)/python -m bench soak

fuzz: $(VENV)/installed ## a million hostile inputs to every decoder and to the server's socket
	@$(BIN)/python -m tests.serve.fuzz

audit: $(VENV)/installed ## known vulnerabilities of the pinned packages; asks over the network
	@$(BIN)/python -m requirements.audit

release: $(VENV)/installed ## check, build and tag version VERSION=X.Y.Z: wheel, bills of materials; pushes nothing
	@$(BIN)/python -m requirements.release $(VERSION)

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
	@echo "API and pages: http://$$(docker compose port fastapi 8000) (key: SCORING_API_KEY of .env; user admin: ADMIN_PASSWORD)"
	@echo "Jenkins:       http://$$(docker compose port jenkins 8080) (user admin: JENKINS_ADMIN_PASSWORD of .env)"

down: ## stop what `make up` started; data stay in Docker's volumes
	@docker compose down

# Where no engine is, root on Debian gets one for the tests alone; STACK_ENGINE=--or-skip makes its absence no failure.
STACK_ENGINE ?=
STACK_TESTS ?= docker
stack-test: $(VENV)/installed ## start everything with Docker, under a name of its own, and try it; starts an engine if none is there
	@$(BIN)/python -m tests.compose.engine $(STACK_ENGINE) $(BIN)/python -m pytest -m "$(STACK_TESTS)" --durations 15 tests/compose

# What ours is compared with, each in an environment of its own (`python -m bench peers`, `python -m bench files`).
PEERS := mlserver mlflow bentoml mosec original polars ray
# What tests compare our statistics with, each in an environment of its own too.
ORACLES := evidently fairlearn shap
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: $(BIN)/uv ## resolve the dependencies again and write the lock files
	@$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.lock
	@$(COMPILE) pyproject.toml --all-extras requirements/bootstrap.in -o requirements/all.lock
	@$(COMPILE) pyproject.toml --extra serve --extra train --extra mlflow --extra stack --extra tracing requirements/bootstrap.in -c requirements/all.lock -o requirements/run.lock
	@$(COMPILE) pyproject.toml --extra serve --extra tracing -c requirements/all.lock -o requirements/serve.lock
	@$(COMPILE) pyproject.toml --extra train -c requirements/all.lock -o requirements/train.lock
	@$(COMPILE) pyproject.toml --extra mlflow -c requirements/all.lock -o requirements/mlflow.lock
	@$(COMPILE) pyproject.toml --extra serve --extra train --extra bench --extra jenkins --extra tracing -c requirements/all.lock -o requirements/agent.lock
	@for peer in $(PEERS); do $(COMPILE) requirements/peers/$$peer.in --override requirements/peers/overrides.in -o requirements/peers/$$peer.lock || exit 1; done
	@for oracle in $(ORACLES); do $(COMPILE) requirements/oracles/$$oracle.in -o requirements/oracles/$$oracle.lock || exit 1; done

CYCLONEDX := $(BIN)/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py
sbom: $(BIN)/uv ## write a bill of materials (CycloneDX) of each image's Python packages into build/sbom
	@mkdir -p build/sbom
	@for image in serve train mlflow agent; do \
		$(CYCLONEDX) requirements --output-reproducible --output-file build/sbom/$$image.cdx.json requirements/$$image.lock || exit 1; \
	done

clean: ## remove what was installed and generated here; .run, which holds the record, stays
	@rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
