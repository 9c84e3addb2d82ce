# Two commands: `make repro` builds everything, `make test` checks everything. README.md has the same without make.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# DVC asks for a name and a home, and a container that was started as a number has neither.
export LOGNAME ?= $(shell id -un 2> /dev/null || id -u)
export HOME ?= $(CURDIR)/.dvc/tmp

.PHONY: help repro test nightly verify reliability mutants drill tools image sbom report doctor lint lock clean
.DEFAULT_GOAL := help

help:                   ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

repro: $(VENV)/.ready   ## run the pipeline: only the stages that something has changed for
	@python src/mlops.py doctor --locks
	dvc repro
	@python src/mlops.py summary

test: $(VENV)/.ready lint   ## lint, types, tests, and the pipeline on a reduced size in a fresh clone
	pytest -n 3 --dist loadfile --no-loadscope-reorder -m 'not nightly'

verify: $(VENV)/.ready  ## prove it: a fresh clone under other conditions makes the same bits
	python src/mlops.py verify

nightly: $(VENV)/.ready ## what takes too long for each change: all planted mistakes, many tables, a project of one's own
	pytest -n 2 --dist loadfile -m nightly
	RELIABILITY=full pytest -n 2 --dist loadfile tests/test_mutations.py tests/test_own_data.py tests/lifecycle/sources tests/service/test_pages.py

reliability: $(VENV)/.ready ## break the service for forty minutes: overload, signals, kills, new models, a soak
	python benchmarks/serving/reliability.py

mutants: $(VENV)/.ready ## change the code in every small way: tests must notice, or tests/surviving_mutants.txt say why not
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-mutants.lock
	python tests/mutants.py

drill: $(VENV)/.ready   ## live through a model's life in minutes: drift, alarm, retraining, release, rollback, audit
	dvc repro --quiet ingest
	python src/mlops.py drill

tools: .tools/.ready    ## the programs that deploy/ is tried with: gateways, kubectl, act, an S3 server

report: $(VENV)/.ready  ## what the present change does to the model: report/report.html, and the gate
	python src/mlops.py report --build-base --html

IMAGE ?= model-service
image: $(VENV)/.ready   ## the service with its bundle as a container image, named by the bundle's version
	python src/mlops.py verify --bundle models/bundle
	$(if $(BUNDLE_KEY),cosign verify-blob --key $(BUNDLE_KEY) --bundle models/bundle.sigstore.json \
	  --insecure-ignore-tlog models/bundle/manifest.json)
	digest=$$(openssl dgst -sha256 -r models/bundle/manifest.json | cut -c 1-64) && \
	version=$$(printf %.12s $$digest) && \
	docker build $(BUILD) --file deploy/docker/Dockerfile --tag $(IMAGE):$$version --build-arg BUNDLE_SHA256=$$digest \
	  --build-arg VERSION=$$version --build-arg REVISION=$$(git describe --always --dirty --abbrev=40 --exclude '*') .

sbom: .tools/.ready     ## the bill of materials of the service with its licences: report/sbom.cdx.json
	PYTHONPATH=src python src/integrations/bill_of_materials.py

doctor: $(VENV)/.ready  ## hash what dvc.lock names again; mend what is broken
	python src/mlops.py doctor --fix

lint: $(VENV)/.ready    ## style and types
	ruff check
	ruff format --check
	mypy

RESOLVE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

lock: $(VENV)/.ready    ## resolve pyproject.toml and constraints.txt into the locks, the service's a part of the first
	$(RESOLVE) pyproject.toml --group serve --all-extras -c constraints.txt --upgrade -o requirements.lock
	$(RESOLVE) --group pyproject.toml:serve -c requirements.lock --upgrade -o requirements-serve.lock
	$(RESOLVE) --group pyproject.toml:mutants -c requirements.lock --upgrade -o requirements-mutants.lock
	$(RESOLVE) --group pyproject.toml:tools --upgrade -o requirements-tools.lock

clean:                  ## remove the environment and what tools leave behind; data and models stay
	rm -rf $(VENV) .tools dvc_plots report .mypy_cache .pytest_cache .ruff_cache .hypothesis mutants

# The stamp is newer than the lock: nothing to install. uv comes out of the same lock, by pip, with its hash.
$(VENV)/.ready: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@touch $@

.tools/.ready: requirements-tools.lock $(VENV)/.ready
	uv venv --quiet --clear --python $(BIN)/python .tools
	uv pip sync --quiet --python .tools/bin/python --require-hashes requirements-tools.lock
	@touch $@
