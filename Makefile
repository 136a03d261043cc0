# Two commands do all that a new machine needs: `make gold`, then `make test`.

PYTHON ?= python3
NAME ?= gold
MINUTES ?= 2
# Structures of other materials; only as given to make, for the environment may have such a name.
data = $(if $(filter command line,$(origin DATA)),--set 'dataset.path=$(DATA)')
bin := .venv/bin

# One thread per process: trials run side by side, each on its own core.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export NUMBA_NUM_THREADS := 1

.PHONY: gold studies mlearn test faults lint benchmark ui clean

# The search on real DFT data; goes on where it was stopped.
gold: .venv/installed
	$(bin)/autune search search_spaces/gold.yaml $(if $(wildcard results/gold/study.journal),--resume)
	$(bin)/autune export gold -o results/gold/exported

# The questions of the gold study, one search after the other, each with its report; what is
# finished is not done again, what was stopped goes on. Of another material: MATERIAL=copper asks
# them with what search_spaces/copper/all.yaml and copper/STUDY.yaml say in place of gold's.
STUDIES := eam cutoff rs_wide rs_narrow force_ratio transferability network
MATERIAL ?= gold
studies: .venv/installed-studies
	@test "$(MATERIAL)" = gold -o -e "search_spaces/$(MATERIAL)/all.yaml" || \
		{ echo "search_spaces/$(MATERIAL)/all.yaml is missing: what differs from gold"; exit 2; }; \
	began=$$(date +%s); \
	for study in $(STUDIES); do \
		name=$(MATERIAL)_$$study; \
		others=; for part in all $$study; do other=search_spaces/$(MATERIAL)/$$part.yaml; \
			test -e $$other && others="$$others --with $$other"; done; \
		test -e results/$$name/study.journal && resume=--resume || resume=; \
		$(bin)/autune search search_spaces/gold_$$study.yaml $$others --name $$name $(data) $$resume \
			|| exit; \
		$(bin)/autune report $$name || exit; \
		echo "$$name: $$(($$(date +%s) - began)) s since make studies began"; \
	done

# Better than the published potentials of an element (Cu or Mo) on their own DFT sets?
ELEMENT ?= Cu
crystal_Cu := fcc
crystal_Mo := bcc
functions_Cu := 27
functions_Mo := 39
mlearn: .venv/installed
	$(bin)/autune search search_spaces/mlearn.yaml \
		$(if $(wildcard results/mlearn_$(ELEMENT)/study.journal),--resume) \
		--set name=mlearn_$(ELEMENT) $(data) \
		--set dataset.elements=[$(ELEMENT)] --set potential.elements=[$(ELEMENT)] \
		--set evaluation.properties.element=$(ELEMENT) \
		--set evaluation.properties.crystal=$(crystal_$(ELEMENT)) \
		--set evaluation.properties.reference=search_spaces/mlearn_$(ELEMENT).json \
		--set 'potential.symmetry_functions.selection.number={int: [6, $(functions_$(ELEMENT))]}'

# The tests, in two processes; others by `make test ARGS='-m slow'`.
test: .venv/installed-dev
	$(bin)/python -m pytest -n 2 --dist loadgroup $(ARGS)

# Searches that are killed and cut off at random moments, and must end as if they were not.
faults: .venv/installed-dev
	PYTHONPATH=tests:tests/search $(bin)/python -m faults --minutes $(MINUTES) $(ARGS)

# Format, lint, types, imports, spelling.
lint: .venv/installed-dev
	$(bin)/ruff format --check
	$(bin)/ruff check
	$(bin)/mypy
	$(bin)/lint-imports --no-logo
	$(bin)/codespell

# What every step of a training costs on this machine; less by `make benchmark ARGS=--quick`.
benchmark: .venv/installed
	@mkdir -p results/benchmarks
	$(bin)/python benchmarks/speed.py --json results/benchmarks/speed.json $(ARGS)

# The MLflow UI of a search: `make ui NAME=quick`.
ui: .venv/installed
	$(bin)/autune ui $(NAME)

# Remove the environment and all caches; results stay.
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find autune tests -name __pycache__ -prune -exec rm -r {} +

# The environment is made again only when what it depends on changes.
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"autune needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	@echo "Installing autune into .venv (some minutes, 1.4 GB)"
	@test -x $(bin)/pip || $(PYTHON) -m venv .venv
	@$(bin)/pip install -q -c constraints.txt -e .
	@touch $@

.venv/installed-studies: .venv/installed
	@$(bin)/pip install -q -c constraints.txt -e '.[eam,phonons]'
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "Installing the tools for tests into .venv"
	@$(bin)/pip install -q -c constraints.txt -e '.[dev]'
	@touch $@
