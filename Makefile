# `make app` sets everything up and opens the app; `make test` sets everything up and runs the tests.
# Both do only what is missing: after the first time they start at once.

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
# Files of tests side by side, one more than two cores can do: those that drive a browser mostly wait. make TESTS_AT_ONCE= runs them one after the other.
TESTS_AT_ONCE ?= -n 3 --dist loadfile
SAMPLE  = studies/.built

.PHONY: app napari fuzz mutants test setup sample screenshots lint clean help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

app: $(VENV)/.installed $(SAMPLE)  ## set up, build the sample study, open the app
	@echo "== opening the app"
	@$(BIN)/prospector app $(STUDY)

napari: $(VENV)/.napari $(SAMPLE)  ## set up with napari, open the sample study (or STUDY=folder) in it
	@echo "== opening napari"
	@$(BIN)/prospector napari $(or $(STUDY),studies/sample)

test: $(VENV)/.tested $(SAMPLE)  ## set up, run all tests
	@echo "== running the tests"
	@$(BIN)/python -m pytest $(TESTS_AT_ONCE) $(TESTS) || { \
	  echo "== once more, one after the other: what failed beside others on a busy machine"; \
	  $(BIN)/python -m pytest --last-failed --last-failed-no-failures none $(TESTS); }

# MUTANTS: modules and options, such as MUTANTS="kernels --all" or MUTANTS="-n 600 --seed 3"
mutants: $(VENV)/.tested  ## change the core in a few hundred places, one at a time, and print what no test notices
	@$(BIN)/python -m tests.mutants $(MUTANTS)

setup: $(VENV)/.installed  ## the virtual environment only

sample: $(SAMPLE)  ## the sample study only

lint: $(VENV)/.tested  ## types, style (of JavaScript too, where there is npm), the way of imports, and whether what is imported is declared
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/deptry .
	@if command -v npm >/dev/null; then \
	  cd tests/javascript && npm ci --silent --no-audit --no-fund && npm run --silent lint; \
	else echo "lint: npm is not there, so the JavaScript was not checked"; fi

fuzz: $(VENV)/.tested  ## 300 mutants of every kind of input (FUZZ="PDF -n 50" for fewer), and what became of them
	@$(BIN)/python -m tests.fuzz $(FUZZ)

screenshots: $(VENV)/.tested $(SAMPLE)  ## the pictures of the user guide, from the running app
	@$(BIN)/python docs/screenshots.py

clean:  ## remove what the above made
	rm -rf $(VENV) studies

$(VENV)/bin/python:
	@echo "== making a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(0 if ok else "Python 3.11 to 3.13 is needed, this is %d.%d: say make PYTHON=python3.11" % sys.version_info[:2])'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements.txt requirements-nodeps.txt pyproject.toml
	@echo "== installing requirements (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-nodeps.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.napari: $(VENV)/.installed requirements-napari.txt
	@echo "== installing napari"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-napari.txt
	@touch $@

$(VENV)/.tested: $(VENV)/.installed requirements-test.txt requirements-napari.txt
	@echo "== installing what the tests need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	@touch $@

$(SAMPLE): $(VENV)/.installed sample_data/epidermis.geojson sample_data/fields.py sample_data/zinc/labels.csv sample_data/reports/reports.jsonl
	@echo "== building the sample studies (embedding about 650 tiles and 42 protein chains, half a minute)"
	@$(BIN)/python -m sample_data
	@touch $@
