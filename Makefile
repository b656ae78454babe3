# make run · test · bench · race · lab · results · notebooks · report · lint · fork
# Each target makes its own .venv first; `make PYTHON=python3.13 …` chooses the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The full MNIST, where it lies beside the checkout and MNIST_ROOT does not say otherwise.
ifeq ($(MNIST_ROOT),)
ifneq ($(wildcard ../shared/data/MNIST/raw),)
export MNIST_ROOT := $(abspath ../shared/data)
endif
endif

.PHONY: run test bench race lab results notebooks report lint format fork clean
.DEFAULT_GOAL := run

# Run every notebook at full size; pages to build/, then the experiment table.
run: $(VENV)/ready
	$(BIN)/python -m utils.lab notebooks

# All tests: units, and every notebook in smoke size against its stored outputs.
test: $(VENV)/test-ready
	$(BIN)/python -m pytest --nbval

# Time an epoch of ours beside the usual ways to load digits.
bench: $(VENV)/ready
	$(BIN)/python -m utils.lab bench --batch-sizes 128 256

# Whole runs against the clock: design A, usual and ours, and the record.
race: $(VENV)/ready
	$(BIN)/python -m utils.lab race

# Open the notebooks.
lab: $(VENV)/ready
	$(BIN)/jupyter lab notebooks

# Record whatever runs are missing in assets/results.
results: $(VENV)/ready
	$(BIN)/python -m utils.lab run

# Execute the committed notebooks in place, at full size.
notebooks: $(VENV)/ready
	$(BIN)/python -m utils.lab notebooks --in-place

# Rewrite the README's tables and assets/figures from assets/results.
report: $(VENV)/ready
	$(BIN)/python -m utils.lab report

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Point badges and Colab cells at a fork: make fork URL=https://github.com/you/your-fork
fork: $(VENV)/ready
	$(BIN)/python tools/set_repository.py $(URL)

$(VENV)/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/test-ready: $(VENV)/ready
	$(BIN)/python -m pip install --quiet -e '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) build
