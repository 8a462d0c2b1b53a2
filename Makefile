# make only saves typing: each target is one or two commands that work on their own.
#
# STACK=twin (the simulated home on this machine) unless you name another, such as STACK=homelab (the real one).
STACK ?= twin
PYTHON ?= python3
BIN := .venv/bin
RUN := PATH="$(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$$PATH"
POLICIES := --policy-pack policies

.DEFAULT_GOAL := help
.PHONY: help up preview down reset status test test-fast test-twin lint format doctor bench render toolchain venv drop-go-caches schema

help: ## What there is to type
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Everything a machine needs; instant when it is there.
toolchain:
	@$(PYTHON) tools/bootstrap.py

venv:
	@$(PYTHON) tools/bootstrap.py venv

ifeq ($(STACK),twin)
up: toolchain ## Bring the home up on its twin (or the real one: STACK=homelab)
	@$(RUN) $(BIN)/python -m twin deploy

preview: toolchain ## What would change
	@$(RUN) $(BIN)/python -m twin pulumi preview $(POLICIES)

down: toolchain ## Stop the twin; its state stays
	@$(RUN) $(BIN)/python -m twin down
else
up: toolchain
	$(RUN) pulumi up -s $(STACK) $(POLICIES)

preview: toolchain
	$(RUN) pulumi preview -s $(STACK) $(POLICIES)

# Taking a real home down asks for its name, and even then spares what holds data: that is protected.
down: toolchain
	@$(RUN) $(BIN)/python tools/confirm.py "$(STACK)" "$(CONFIRM)"
	$(RUN) pulumi destroy -s $(STACK)
endif

reset: toolchain ## Stop the twin and forget all of it
	@$(RUN) $(BIN)/python -m twin reset

status: toolchain ## What runs where on the twin
	@$(RUN) $(BIN)/python -m twin status

test: ## Every test: the fast tier first, then the engine, the twin and the real parts
	@$(PYTHON) tools/bootstrap.py venv
	@$(BIN)/python -m tests

test-fast: venv ## The fast tier: seconds, no engine
	@$(BIN)/python -m pytest tests/unit tests/policies -m "not engine"
