# Two commands for a fresh machine: `make demo` and `make test`. Both start from Python 3.11 and make.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
ENGINES = $(VENV)/.engines

.PHONY: demo test engines slow faults security lint types docs site sbom oldest coverage wheels lock clean help bench-api screenshots scale

help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "riskwarn needs Python 3.11 or newer; name one with make PYTHON=…"; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing the locked dependencies into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

$(ENGINES): requirements-engines.lock $(STAMP)
	@echo "installing Dask and Spark into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock -r requirements-engines.lock
	@touch $(ENGINES)

engines: $(ENGINES)  ## also install the engines of clusters, of which Spark alone is half a gigabyte; without them their tests are skipped

demo: $(STAMP)  ## run the main job on Boston 2015, print what it found, say how to open the page
	@$(BIN)/riskwarn demo --store demo/boston

serve: $(STAMP)  ## serve the page of the demo at http://127.0.0.1:8000/
	@$(BIN)/riskwarn serve --store demo/boston

test: $(STAMP)  ## run the default tests and the doctests
	@$(BIN)/python -m pytest -n auto --dist loadfile

slow: $(ENGINES)  ## run every test, also the slow ones
	@$(BIN)/python -m pytest -n auto --dist loadfile --slow

faults: $(STAMP)  ## faults on purpose, the long form; prints one table (an hour on 2 cores)
	@PYTHONPATH=tests $(BIN)/python -m faults

security: $(STAMP)  ## what is tried against each fault of access, input, supply and use (R19 to R35, R40, R44); prints one table with the figures of this run
	@PYTHONPATH=tests $(BIN)/python -m security -n auto --dist loadfile

lint: $(STAMP)  ## style, with every rule on
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(STAMP)  ## types, strictly
	@$(BIN)/mypy

docs: $(STAMP)  ## run every snippet of README and docs
	@$(BIN)/python -m pytest tests/test_docs.py -q

site: $(STAMP)  ## build the site of the docs into build/site, offline, warnings being errors
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/site && echo "open build/site/index.html"

sbom: $(STAMP)  ## write the bill of materials (CycloneDX) and the list of licences into build/sbom
	@PYTHONPATH=tests $(BIN)/python -m security.bill build/sbom

scale: $(ENGINES)  ## what a panel costs without blocks and on each engine, a line each (GRIDS=7000; some minutes)
	@for how in "whole" "local" "local --jobs 2" "dask --jobs 2" "spark --jobs 2"; do $(BIN)/python benchmarks/scale.py $(or $(GRIDS),7000) --engine $$how; done

bench-api: $(STAMP)  ## speed of the API beside mlflow models serve and a bare FastAPI route (STORE=… with nights and a kept model)
	@$(BIN)/python benchmarks/api.py $(or $(STORE),demo/boston) $(ARGS)

screenshots: $(STAMP)  ## redraw the screenshots of the pages into docs/screenshots (STORE=… with nights; needs Chromium)
	@$(BIN)/python docs/screenshots.py $(or $(STORE),demo/boston)

OLDEST = label history feature split metrics panel model declaring schema story ledger grid ingest_sheets exporting web_api
oldest: $(STAMP)  ## install the oldest versions that are promised, with all extras, into .venv-oldest, and ask some tests of them
	@mkdir -p build && $(BIN)/python tests/oldest.py > build/oldest.txt
	@test -x .venv-oldest/bin/python || $(PYTHON) -m venv .venv-oldest
	@.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -c build/oldest.txt '.[all]' pytest hypothesis
	@.venv-oldest/bin/python -m pytest -p no:cacheprovider -q $(OLDEST:%=tests/test_%.py)

COVERED = PYTHONPATH=$(CURDIR)/build/coverage $(BIN)/python -m coverage
coverage: $(STAMP)  ## which lines and branches the tests miss, in the processes they start too; of a room: ROOM=riskwarn/ledger TESTS="tests/test_ledger.py …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --target build/coverage --upgrade 'coverage>=7.10'
	@echo 'import coverage; coverage.process_startup()' > build/coverage/sitecustomize.py && rm -f build/.coverage*
	@$(COVERED) run -m pytest -n auto --dist loadfile -p no:cacheprovider $(TESTS)
	@$(COVERED) combine --quiet && $(COVERED) report -m --skip-covered --include='$(or $(ROOM),riskwarn)/*,$(ROOM).py'

wheels: $(STAMP)  ## build the source archive and of it both wheels, with the kernel for this system and in numpy for every one, into dist
	@rm -rf dist && $(BIN)/python -m hatchling build -t sdist
	@for pure in 0 1; do RISKWARN_PURE=$$pure $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w dist dist/riskwarn-*.tar.gz || exit 1; done
	@ls dist

COMPILE = uv pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 --no-header --no-annotate
lock:  ## write both locks anew from pyproject.toml (needs uv); that of the engines has what they bring beyond the other
	$(COMPILE) --extra dev -o requirements.lock
	$(COMPILE) --extra dask --extra spark -c requirements.lock $$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' requirements.lock | sort -u) -o requirements-engines.lock

clean:  ## take away what the commands made
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
