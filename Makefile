# make run · solutions · test · bench · race · lab · results · notebooks · report · playground · lint
# · format · fork · clean
# Each target makes its own .venv first; `make PYTHON=python3.13 …` chooses the interpreter, and
# `PIP_CONSTRAINT=requirements-lock.txt make …` the exact versions behind the recorded runs. Both
# count when .venv is made: `make clean` first where there is one.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The full MNIST, where it lies beside the checkout and MNIST_ROOT does not say otherwise.
ifeq ($(MNIST_ROOT),)
ifneq ($(wildcard ../shared/data/MNIST/raw),)
export MNIST_ROOT := $(abspath ../shared/data)
endif
endif

.PHONY: run solutions test bench race lab results notebooks report playground lint format fork clean
.DEFAULT_GOAL := run

# Execute every notebook at full size; executed copies and HTML pages go to build/.
run: $(VENV)/ready
	$(BIN)/python -m utils.lab notebooks

# The same of the solutions to the exercises.
solutions: $(VENV)/ready
	$(BIN)/python -m utils.lab notebooks $(basename $(patsubst notebooks/%,%,$(wildcard notebooks/solutions/*.ipynb)))

# All tests: units, and every notebook in smoke size against its stored outputs. Two processes
# (`make test WORKERS=8` for more) take whole files, so that a notebook's cells stay in order.
WORKERS ?= 2
test: $(VENV)/test-ready
	$(BIN)/python -m pytest --nbval -n $(WORKERS) --dist loadscope --no-loadscope-reorder

# Time an epoch of every way to load digits.
bench: $(VENV)/ready
	$(BIN)/python -m utils.lab bench --batch-sizes 128 256

# Time whole runs: design A, with the usual loader and with ours, the first speed record and the
# newest.
race: $(VENV)/ready
	$(BIN)/python -m utils.lab race

# Open the notebooks.
lab: $(VENV)/ready
	$(BIN)/jupyter lab notebooks

# Record the runs that are missing in assets/results.
results: $(VENV)/ready
	$(BIN)/python -m utils.lab run

# Execute the notebooks and the solutions at full size and rewrite the committed ones; needs the
# full MNIST.
notebooks: $(VENV)/ready
	$(BIN)/python -m utils.lab notebooks --in-place

# Rewrite the tables of README and RESULTS and assets/figures from assets/results; needs the full
# MNIST.
report: $(VENV)/ready
	$(BIN)/python -m utils.lab report

# Rewrite assets/playground.html, the page to draw on, from the recorded networks; needs the full
# MNIST. The screenshot besides needs `.[test]` and a Chromium.
playground: $(VENV)/test-ready
	$(BIN)/python -m utils.lab playground
	$(BIN)/python tests/screenshot.py

lint: $(VENV)/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/test-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Point badges and Colab cells at your fork: at git's remote "origin", or at URL=https://github.com/…
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
