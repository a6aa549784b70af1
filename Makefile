# Everything starts from a bare Python 3.11 or later: the first target that needs it builds .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench docs upgrade clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## build .venv with everything needed for work on the project

# pip is brought up to date first: the one in a new environment knows neither --group nor --build-constraint.
# It is emptied first: a package that is needed no more could still get in the way.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt \
		--editable . --group dev --group docs
	@touch $@

demo: $(READY) ## cut people out of real footage; pictures and films land in out/
	$(BIN)/python examples/demo.py

test: $(READY) ## run the tests
	@$(BIN)/python -m pytest -n 2

lint: $(READY) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## put the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## measure speed and memory; a table here, numbers in out/bench.json
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group bench
	@mkdir -p out
	$(BIN)/melies bench --output out/bench.json

docs: $(READY) ## build the handbook into site/
	$(BIN)/mkdocs build --strict --quiet

upgrade: ## write a constraints.txt of the newest versions
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --upgrade pip hatchling editables
	$(BIN)/python -m pip install --quiet --editable . --group dev --group docs --group bench
	sed -n '/^#/p' constraints.txt > constraints.new
	$(BIN)/python -m pip freeze --all --exclude-editable --exclude setuptools >> constraints.new
	mv constraints.new constraints.txt
	@touch $(READY)

clean: ## remove everything that was built
	rm -rf .venv out site dist .pytest_cache .mypy_cache .ruff_cache
