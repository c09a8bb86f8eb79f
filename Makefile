# Two commands do all the set-up on a fresh machine: make tour, make test.
PYTHON ?= python3
VENV := .venv
VENV_TL3 := .venv-tl3
VENV_CARE := .venv-care
TL4 := transformer-lens==4.3.0
TL3 := transformer-lens==3.9.0
BIN := $(VENV)/bin
PIP_FLAGS := -q --disable-pip-version-check -c constraints.txt
# two threads that wait for each other while the machine is busy are slower than one
export OMP_WAIT_POLICY := PASSIVE

.PHONY: help install tour lab test test-tl3 lint mutate figures sbom audit clean

help: ## list the commands
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP_FLAGS) torch
	$(BIN)/pip install $(PIP_FLAGS) '$(TL4)' -e '.[dev]'
	touch $@

$(VENV_TL3)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV_TL3)
	$(VENV_TL3)/bin/pip install $(PIP_FLAGS) torch
	$(VENV_TL3)/bin/pip install $(PIP_FLAGS) '$(TL3)' -e '.[dev]'
	touch $@

install: $(VENV)/ready ## make a virtual environment with everything in it

tour: install ## the main job on a real small model: CAST on the bundled tasks, table and run folder
	rm -rf runs/tour
	$(BIN)/cast-lens run --preset tour --out runs/tour

lab: install ## JupyterLab on the notebooks, in an environment that is ready for them
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks # containers run as root

test: install lint ## every check: lint, types, floors, all tests, both library versions, mutants
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2
	$(MAKE) test-tl3
	$(MAKE) mutate

test-tl3: $(VENV_TL3)/ready ## the contract suite on TransformerLens 3.9, bridge and HookedTransformer
	OMP_NUM_THREADS=1 $(VENV_TL3)/bin/pytest -n 2 tests/contract tests/test_planted.py

lint: install ## style, types and import floors
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

mutate: install ## break the code on purpose and see a test turn red each time
	$(BIN)/python tests/mutate.py

figures: install ## draw the gallery again: the tour and some minutes of reading
	$(BIN)/python figures/gallery.py

$(VENV_CARE)/ready: Makefile
	$(PYTHON) -m venv $(VENV_CARE)
	$(VENV_CARE)/bin/pip install -q --disable-pip-version-check pip-audit==2.10.1 cyclonedx-bom==7.5.0
	touch $@

sbom: install $(VENV_CARE)/ready ## sbom.json: every package of the environment with its licence (CycloneDX)
	$(VENV_CARE)/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml \
		--output-format JSON --output-file sbom.json $(BIN)/python

audit: $(VENV_CARE)/ready ## known vulnerabilities of every locked version, as pypi.org lists them
	{ cat constraints.txt; echo $(TL4); } > $(VENV_CARE)/locked.txt
	$(VENV_CARE)/bin/pip-audit --strict --no-deps --disable-pip --requirement $(VENV_CARE)/locked.txt

clean: ## remove environments and caches of this folder
	rm -rf $(VENV) $(VENV_TL3) $(VENV_CARE) sbom.json runs .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
