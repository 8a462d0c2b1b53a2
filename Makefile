# make only saves typing: each target is one or two commands that work on their own.
#
# STACK is the twin, a simulated home on this machine, unless you name a real one: make preview STACK=homelab
# ARGS go to Pulumi as they are: make preview ARGS=--diff
STACK ?= twin
PYTHON ?= python3
BIN := .venv/bin
# The tools that the bootstrap found or built come first; a plain `pulumi` on your own PATH does as well.
RUN := PATH="$(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$$PATH"
# A stack may have a config for the policies: enforcement, exceptions, parameters.
POLICIES = --policy-pack policies $(patsubst %,--policy-pack-config %,$(wildcard policies/config/$(STACK).json))
SOURCES := .ci __main__.py adoption components exposure home pages policies policy_report references render services tailnet tests tools tour twin
SOURCES := $(wildcard $(SOURCES))

.DEFAULT_GOAL := help
.PHONY: help up preview preflight adopt down reset status render exposure api tour policy-report policies-doc references doctor test test-fast lint format bench schema drop-go-caches toolchain venv told only-a-twin

help: ## What there is to type
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

up: toolchain ## Bring the home up: on its twin, or for real with STACK=homelab
ifeq ($(STACK),twin)
	@$(BIN)/python -m twin deploy $(ARGS)
else
	@$(RUN) $(BIN)/python -m adoption preflight --stack $(STACK)
	$(RUN) pulumi up -s $(STACK) $(POLICIES) $(ARGS)
endif

preview: toolchain ## What `make up` would change
ifeq ($(STACK),twin)
	@$(BIN)/python -m twin pulumi preview $(ARGS)
else
	$(RUN) pulumi preview -s $(STACK) $(POLICIES) $(ARGS)
endif

preflight: toolchain ## What `make up` would take over of a home that runs already
ifeq ($(STACK),twin)
	@$(BIN)/python -m adoption preflight --stack twin --file .twin/Pulumi.twin.yaml --pulumi "$(BIN)/python -m twin pulumi"
else
	@$(RUN) $(BIN)/python -m adoption preflight --stack $(STACK)
endif

adopt: toolchain ## Show what would change in it, ask, and import it
ifeq ($(STACK),twin)
	@$(BIN)/python -m adoption adopt --stack twin --file .twin/Pulumi.twin.yaml --pulumi "$(BIN)/python -m twin pulumi" $(ARGS)
else
	@$(RUN) $(BIN)/python -m adoption adopt --stack $(STACK) $(ARGS)
endif

down: told toolchain ## Stop the twin; what it holds stays
ifeq ($(STACK),twin)
	@$(BIN)/python -m twin down
else
	$(RUN) pulumi destroy -s $(STACK) --exclude-protected
endif

reset: only-a-twin toolchain ## Stop the twin and forget everything it holds
	@$(BIN)/python -m twin reset

status: toolchain ## What runs where on the twin, and what does not run
	@$(BIN)/python -m twin status

render: venv ## Write the home's Kubernetes objects to build/render/, without secrets
	@$(BIN)/python -m render --stack $(if $(filter twin,$(STACK)),homelab,$(STACK))

exposure: toolchain ## Who reaches what: read back from the twin, or as described with STACK=homelab
ifeq ($(STACK),twin)
	@$(BIN)/python -m twin exposure --html $(ARGS)
else
	@$(BIN)/python -m home exposure Pulumi.$(STACK).yaml --html $(ARGS)
endif

api: venv ## The API and its page, before a little home on this machine; the twin's cluster too, if it is up
	@mkdir -p build && $(BIN)/python -m home exposure Pulumi.homelab.yaml --json > build/exposure.json
	@PYTHONPATH=services/api exec $(BIN)/python -m demo --exposure build/exposure.json $(ARGS)

tour: venv ## A page about the home, without an engine: rooms, fit, policy findings
	@$(BIN)/python -m tour --stack $(if $(filter twin,$(STACK)),homelab,$(STACK)) $(ARGS)

policy-report: venv ## What the policies say of every resource: a table, JSON, and a page
	@$(BIN)/python -m policy_report --stack $(if $(filter twin,$(STACK)),homelab,$(STACK)) --json build/policy-report.json --html build/policy-report.html $(ARGS)

policies-doc: venv ## Make docs/policies.md anew
	@$(BIN)/python -m policy_report doc > docs/policies.md

references: venv ## Whether the home's objects fit each other, and their apps
	@$(BIN)/python -m references --stack $(if $(filter twin,$(STACK)),homelab,$(STACK))

doctor: ## What of the toolchain is there, from where, and what is missing
	@$(PYTHON) tools/bootstrap.py doctor

test: venv ## Every test: the fast tier first, then the engine, the twin and other real parts
	@$(BIN)/python -m tests

test-fast: venv ## The fast tier: seconds, no engine
	@$(BIN)/python -m pytest -m "not engine" -n auto --dist loadfile

lint: venv ## Style, types, layers, workflows
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	PYTHONPATH=services/api $(BIN)/lint-imports --no-cache
	$(BIN)/zizmor --offline --quiet --persona auditor --strict-collection .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.renovate renovate.json

format: venv ## Put the code into its usual shape
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: toolchain ## What the program costs beside doing the same without it
	@$(BIN)/python -m tests.bench

schema: venv ## Make home/schema.json, by which editors check Pulumi.*.yaml, anew
	@$(BIN)/python -m home schema > home/schema.json

drop-go-caches: ## Give back the disk space that building the toolchain took
	@$(PYTHON) tools/bootstrap.py drop-go-caches

# A real home is touched only by whoever says its name.
told:
	@test "$(STACK)" = twin || test "$(CONFIRM)" = "$(STACK)" || { \
	  echo 'This would delete the real home "$(STACK)" from its cluster. What holds data is protected and stays.'; \
	  echo 'If that is what you want, say its name: make down STACK=$(STACK) CONFIRM=$(STACK)'; exit 1; } >&2

only-a-twin:
	@test "$(STACK)" = twin || { echo 'A real home can not be reset; only the twin can.' >&2; exit 1; }

# Everything a machine needs; instant when it is there.
toolchain:
	@$(PYTHON) tools/bootstrap.py -q

venv:
	@$(PYTHON) tools/bootstrap.py venv -q
