# Needs Python 3.11+ and make; every target sets up .venv first and does nothing twice.
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.installed

# the tests start processes by the hundred, each of which would compile the program again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: app test quick coverage check gpu docs setup constraints clean

app: $(SETUP)
	$(BIN)/sslapp demo
	$(BIN)/streamlit run app.py

# a file's tests stay on one core: they share servers and prepared workspaces; tests/conftest.py
# says which files come first
PARALLEL := --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

test: $(SETUP)
	$(BIN)/pytest $(PARALLEL)

# what can be run after every change: no browser, no PostgreSQL, no killed process, no long training,
# no copy of a whole project
quick: $(SETUP)
	$(BIN)/pytest $(PARALLEL) -m "not browser and not postgres and not slow and not project"

coverage: $(SETUP)
	$(BIN)/pytest $(PARALLEL) \
		--cov=sslapp --cov=models --cov=pages --cov-report=term:skip-covered

check: $(SETUP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/gates.py
	$(BIN)/python tests/pins.py
	@case "$$(eslint --version 2>/dev/null)" in \
	v9.*|v[1-9][0-9].*) eslint . ;; \
	*) echo "ESLint 9 or newer is not installed: the browser's code was not linted." ;; esac

# all that claims to run on a GPU, in eight minutes; DEVICE=cpu is its small version. A machine without
# a network brings a Python with torch of its own, and nothing is installed: PYTHON_BIN=python3
DEVICE ?= cuda
OUT ?= build/gpu
PYTHON_BIN ?= $(BIN)/python

gpu: $(if $(filter $(BIN)/python,$(PYTHON_BIN)),$(SETUP))
	PYTHONPATH=. $(PYTHON_BIN) benchmarks/gpu.py --device $(DEVICE) --out $(OUT)

# option tables and the command reference, as the program has them; what becomes of real DICOM files
docs: $(SETUP)
	$(BIN)/python docs/write.py
	$(BIN)/python docs/dicom_conformance.py

setup: $(SETUP)

# all files are resolved together, so that every extra fits beside the others
constraints:
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --dry-run --ignore-installed --report .venv/report.json \
		--requirement requirements.txt --requirement requirements-dev.txt --requirement requirements-postgres.txt \
		--requirement requirements-networks.txt --requirement requirements-ocr.txt
	$(BIN)/python tests/pins.py --write < .venv/report.json

# modules are compiled when they are first imported: most of what torch and its like bring never is,
# and compiling all of it takes longer than everything else here
$(SETUP): requirements.txt requirements-dev.txt constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sslapp needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt \
		--requirement requirements.txt --requirement requirements-dev.txt
	$(BIN)/pip install --quiet --no-compile --no-deps --editable .
	touch $@

clean:
	rm -rf .venv build *.egg-info
