# Every target sets up what it needs. PYTHON chooses the interpreter: make test PYTHON=python3.10
PYTHON ?= python3
EVENT ?= events/manual/authorize.json
CLOUD ?= local
PORT ?= 8899
SECONDS ?= 600
PYTHON_VERSION ?= 3.12
ARGS ?=
UV ?= uv
export EVENT

# A version manager's shim knows interpreters that are installed but not selected: they lie beside it, and are asked next.
FOUND := $(shell at=$$(command -v $(PYTHON)); for found in "$$at" "$${at%/shims/*}"/versions/*/bin/$(PYTHON); do \
  "$$found" -c 'import sys; print(sys.executable)' 2>/dev/null && break; done)
VENV ?= $(if $(filter python3,$(PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
PY := $(VENV)/bin/python
# A Python that has only just started answers Ctrl-C with a traceback. These start with it ignored and attend to it themselves.
START := trap '' INT; exec $(PY)

.PHONY: help demo run cloud up test testzip lint coverage check format build plan doctor deploy destroy contract mutants chaos fuzz bench fleet lock clean .demo .dev .fuzz .version
help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .demo ## the main job on the embedded stand-in: fifteen things that happen, and their answers
	@$(START) -m tests.demo

run: .demo ## one event: make run EVENT=file [DRY_RUN=1] [ARGS=--json] [CLOUD=real|http://127.0.0.1:PORT]
	@$(START) -m tests.demo.run --cloud $(CLOUD) $(ARGS) -- "$$EVENT"

cloud: .demo ## the stand-in by itself, on PORT (8899)
	@$(START) -m tests.cloud --port $(PORT) --seed events/cloud.json $(ARGS)

up: .demo ## it with the functions behind their triggers, on PORT: a page, and code that is taken as it changes
	@$(START) -m tests.cloud up --port $(PORT) $(ARGS)

test: .dev ## all tests
	$(PY) -m pytest -n 2 --dist worksteal $(ARGS)

testzip: .dev ## the tests of the handlers on the unpacked zip, without site-packages: make testzip PYTHON=python3.12
	$(PY) -m tests.zipped $(ARGS)

lint: .dev ## style, docstrings, format, types, import contracts of what git tracks
	.ci/lint $(VENV)

coverage: .dev ## all tests; those of the product, twice as slow so, see 95 % of its lines and branches, and all of what decides
	$(PY) -m pytest tests/shared tests/functions -n 2 --dist worksteal --cov
	$(PY) -m coverage report --fail-under=100 --include=$$($(PY) -m tests.mutants.table)
	$(PY) -m pytest -n 2 --dist worksteal --ignore=tests/shared --ignore=tests/functions

check: lint coverage ## both: what a change has to pass

format: .dev ## format the code
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

contract: .dev ## what the vendor's pages leave open: ask it of the stand-in, or of an account [CLOUD=real|http://127.0.0.1:PORT] [ARGS=--help]
	@$(START) -m tests.contract --cloud $(CLOUD) $(ARGS)

mutants: .dev ## one fault at a time in the modules that decide: what no test notices (ARGS='--count 10 --seed 3', --module PATH)
	$(PY) -m tests.mutants $(ARGS)

chaos: .dev ## the storm: faults, odd answers, kills, a hostile producer; prints its ledger, in 15 min (ARGS='--seed 2 --messages 1000')
	$(PY) -m tests.chaos $(ARGS)

fuzz: .dev .fuzz ## property tests with examples of their own, then the parser by coverage for SECONDS (600)
	$(PY) -m pytest -n 2 --dist worksteal -m hypothesis --hypothesis-profile explore $(ARGS)
	$(PY) tests/fuzz/fuzz_parse.py -max_total_time=$(SECONDS)

fleet: .dev ## 1 to 300 instances drain a queue under one account's rate, by the real code on a virtual clock (2 minutes)
	$(PY) -m tests.bench.fleet

bench: .dev ## against the vendor's SDKs and the floor: cold start, CPU, memory, size, batches (ARGS='--rounds 3')
	$(PY) -m tests.bench $(ARGS)

lock: .dev ## pin what requirements/*.in name, as it stands: uv keeps a pin that still fits (UV=path/to/uv)
	for name in build runtime demo dev fuzz; do $(UV) pip compile --quiet --universal --python-version 3.10 --generate-hashes \
	  --no-emit-index-url --no-header requirements/$$name.in -o requirements/$$name.txt || exit 1; done
	$(PY) -m tests.locks --write

build: .demo ## dist/vpc-access-authorizer.zip for PYTHON_VERSION
	@$(START) -m functions build --python-version $(PYTHON_VERSION)

plan: .demo ## what a sweep would do now (ARGS=json or ARGS=markdown for other forms)
	@trap '' INT; $(PY) -m tests.demo.run --cloud $(CLOUD) --plan $(or $(ARGS),text); code=$$?; [ $$code -eq 2 ] || exit $$code

doctor: .demo ## is everything there? settings, clock, keys, each permission (ARGS='--deny apigateway:SetVpcAccess')
	@$(START) -m tests.demo.run --cloud $(CLOUD) --doctor $(ARGS)

deploy: .demo ## build, upload, preview and create or update the stack (ARGS='--dry-run …' shows every step)
	@$(START) -m functions deploy $(ARGS)

destroy: .demo ## take the stack down again
	@$(START) -m functions destroy $(ARGS)

clean: ## remove everything that was built or installed here
	rm -rf .venv* dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage

.version: # the minor version of PYTHON, nothing if it is not there
	@test -z "$(FOUND)" || "$(FOUND)" -c 'import sys; print("{}.{}".format(*sys.version_info))'

.demo .dev .fuzz: # what a target needs: requirements/demo.txt, dev.txt, fuzz.txt
	@test -n "$(FOUND)" || { echo "$(PYTHON) was not found: install it, or name another with PYTHON=…"; exit 1; }
	@trap '' INT; "$(FOUND)" -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: set PYTHON=…")'
	@trap '' INT; exec "$(FOUND)" requirements/install.py $(VENV) $(@:.%=%)
