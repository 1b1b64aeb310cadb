# argus3d: every target makes what it needs, the environment included. GNU make 4.3, Python 3.11 or newer.
# Each combination of settings has files of its own, so changing one and changing it back costs nothing.

PYTHON     ?= python3
DATA       ?= household
CHECKPOINT ?= $(if $(filter components,$(DATA)),nano-components,nano)
PROTOCOL   ?= argus3d-v1
SEED       ?= 0
DEB        ?=
DATA_PATH  ?=

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# What is measured: sources to prepare, a split, its part that is the reference, and as many training shapes.
SOURCES_household  := household procedural
SPLIT_household    := nano-v1
SOURCES_procedural := procedural
SPLIT_procedural   := nano-procedural-v1
SOURCES_components := components
SPLIT_components   := components-v1
SOURCES_objaverse  := objaverse
SPLIT_objaverse    := objaverse-v1
TEST_objaverse     := test-core
TRAIN_objaverse    := train-core
TRAINED_objaverse  := objaverse-v1/lvis-train
SOURCES_shapenet   := shapenet
SPLIT_shapenet     := shapenet13-v1
TRAINED_shapenet   := shapenet13-v1/train
TEST               := $(or $(TEST_$(DATA)),test)
TRAIN              := $(or $(TRAIN_$(DATA)),train_like_test)
TRAINED_ON         := $(or $(TRAINED_$(DATA)),$(SOURCES_$(DATA):%=%-v1/train))
# Data that the user brings: they want a path, and the ids of their splits are made from them.
BROUGHT            := objaverse shapenet
$(if $(SOURCES_$(DATA)),,$(error DATA=$(DATA) is not known here; choose household, components, procedural, objaverse or shapenet))
$(if $(filter $(BROUGHT),$(DATA)),$(if $(DATA_PATH),,$(error DATA=$(DATA) lies with you; name its folder with DATA_PATH=)))

# Where it goes: the defaults have plain names, every other setting adds its own word.
NAME    := $(notdir $(CHECKPOINT:%/=%))
RUN     := $(DATA)$(if $(filter-out nano nano-$(DATA),$(CHECKPOINT)),-$(subst /,_,$(CHECKPOINT:%/=%)))
RUN     := $(RUN)$(if $(filter-out argus3d-v1,$(PROTOCOL)),-$(basename $(notdir $(PROTOCOL))))
RUN     := $(RUN)$(if $(filter-out 0,$(SEED)),-seed$(SEED))
ROOT    := artifacts/data
SAMPLES := artifacts/samples/$(RUN)
RESULTS := reports/results/$(RUN)
TABLE   := reports/tables/$(RUN)
FIGURE  := reports/figures/$(RUN)

BIN := .venv/bin
ENV := .venv/.installed

help: ## print this
	@echo "make TARGET [VARIABLE=value ...]"
	@echo
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  DATA=$(DATA) (household, components, procedural; objaverse and shapenet want DATA_PATH=FOLDER)"
	@echo "  CHECKPOINT=$(CHECKPOINT) (nano, nano-components or a folder)   PROTOCOL=$(PROTOCOL)"
	@echo "  SEED=$(SEED)   DEB=$(DEB) (the package of household, or the folder of those of components, that you already have)   PYTHON=$(PYTHON)"

# --- environment -----------------------------------------------------------------------------------------------------

$(ENV): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "argus3d needs Python 3.11 or newer; '$(PYTHON)' is not. Try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e ".[dev]"
	@touch $@

# --- data ------------------------------------------------------------------------------------------------------------

PREPARED := $(SOURCES_$(DATA):%=$(ROOT)/%/manifest.json)
# Half a million shapes are more than a file system likes.
OF_objaverse = $(DATA_PATH:%= --path %) --packed
OF_shapenet  = $(DATA_PATH:%= --path %) --packed --classes 13

$(ROOT)/%/manifest.json: | $(ENV)
	$(BIN)/argus3d data prepare $* --root $(ROOT)$(OF_$*)$(if $(filter $(DATA),$*),$(DEB:%= --deb %))

$(ROOT)/splits/%.json: | $(ENV)
	$(BIN)/argus3d data split $* --path $(DATA_PATH) --root $(ROOT) >/dev/null

# --- samples ---------------------------------------------------------------------------------------------------------

MODEL  := $(firstword $(wildcard argus3d/checkpoints/$(CHECKPOINT)/argus.json $(CHECKPOINT:%/=%)/argus.json))
SPLIT  := $(if $(filter $(BROUGHT),$(DATA)),$(ROOT)/splits,eval/splits)/$(SPLIT_$(DATA)).json
SHAPES := --root $(ROOT) $(SOURCES_$(DATA):%=--source %)
MAKING := --checkpoint $(CHECKPOINT) --seed $(SEED) $(SHAPES)
# Chosen by looking at a few dozen samples, not by the metrics; the command itself draws from all of the top 250.
DRAW   := --top-p 0.95
# A folder that an older checkpoint filled begins anew; one of an interrupted run goes on.
FRESH   = @if [ "$(MODEL)" -nt $(@D)/settings.json ]; then rm -rf $(@D); fi

$(SAMPLES)/generated/manifest.json: $(PREPARED) $(MODEL) $(SPLIT) | $(ENV)
	$(FRESH)
	$(BIN)/argus3d sample $(MAKING) $(DRAW) --like $(SPLIT)/$(TEST) --out $(@D)

$(SAMPLES)/reconstructed/manifest.json: $(PREPARED) $(MODEL) $(SPLIT) | $(ENV)
	$(FRESH)
	$(BIN)/argus3d reconstruct $(MAKING) --shapes $(SPLIT)/$(TEST) --out $(@D)

$(SAMPLES)/reconstructed_training_set/manifest.json: $(PREPARED) $(MODEL) $(SPLIT) | $(ENV)
	$(FRESH)
	$(BIN)/argus3d reconstruct $(MAKING) --shapes $(SPLIT)/$(TRAIN) --out $(@D)

$(SAMPLES)/scrambled/manifest.json: $(SAMPLES)/reconstructed_training_set/manifest.json
	@rm -rf $(@D)
	$(BIN)/argus3d sample $(MAKING) --like $(SPLIT)/$(TEST) --scramble $(<D) --out $(@D)

# --- results: one file a row -----------------------------------------------------------------------------------------

GENERATION := $(addprefix $(RESULTS)/,$(NAME).json training_set.json reconstructed_training_set.json scrambled.json \
              reference_vs_itself.json)
ROWS       := $(GENERATION) $(RESULTS)/reconstruction.json
REFERENCE  := $(SPLIT_$(DATA))/$(TEST)
BY          = --protocol $(PROTOCOL) --data-root $(ROOT) --out $@ >/dev/null
KEEP       := --cache artifacts/distances

$(RESULTS)/$(NAME).json: $(SAMPLES)/generated/manifest.json
	$(BIN)/argus3d-eval score $(<D) $(REFERENCE) $(KEEP) $(BY)

$(RESULTS)/training_set.json: $(PREPARED) $(SPLIT) | $(ENV)
	$(BIN)/argus3d-eval score $(SPLIT_$(DATA))/$(TRAIN) $(REFERENCE) $(KEEP) $(BY)

$(RESULTS)/reconstructed_training_set.json: $(SAMPLES)/reconstructed_training_set/manifest.json
	$(BIN)/argus3d-eval score $(<D) $(REFERENCE) $(KEEP) $(BY)

$(RESULTS)/scrambled.json: $(SAMPLES)/scrambled/manifest.json
	$(BIN)/argus3d-eval score $(<D) $(REFERENCE) $(KEEP) $(BY)

$(RESULTS)/reference_vs_itself.json: $(PREPARED) $(SPLIT) | $(ENV)
	$(BIN)/argus3d-eval halves $(REFERENCE) $(BY)

$(RESULTS)/reconstruction.json: $(SAMPLES)/reconstructed/manifest.json
	$(BIN)/argus3d-eval reconstruction $(<D) $(REFERENCE) $(BY)

artifacts/nearest/$(RUN).json: $(SAMPLES)/generated/manifest.json
	$(BIN)/argus3d-eval nearest $(<D) $(TRAINED_ON) --data-root $(ROOT) --out $@

# --- tables and figures ----------------------------------------------------------------------------------------------

PAGES := $(TABLE).md $(TABLE).csv $(TABLE).tex \
         $(FIGURE)-metrics.png $(FIGURE)-samples.png $(FIGURE)-reconstructions.png

reproduce-tables: $(PAGES) ## fetch, prepare, sample, measure; write reports/tables and reports/figures

report: reproduce-tables ## the same, under its later name

# README shows the default run.
$(TABLE).md $(TABLE).csv $(TABLE).tex &: $(ROWS)
	$(BIN)/argus3d-eval table $^ --out $(TABLE) $(if $(filter household,$(RUN)),--readme README.md)
	@cat $(TABLE).md

$(FIGURE)-metrics.png: $(GENERATION)
	$(BIN)/argus3d-eval figure $^ --out $@

$(FIGURE)-samples.png: $(SAMPLES)/generated/manifest.json artifacts/nearest/$(RUN).json
	$(BIN)/argus3d-eval sheet samples $(<D) --nearest $(word 2,$^) --data-root $(ROOT) --out $@

$(FIGURE)-reconstructions.png: $(SAMPLES)/reconstructed/manifest.json
	$(BIN)/argus3d-eval sheet reconstructions $(<D) --data-root $(ROOT) --out $@

# --- notebooks and training ------------------------------------------------------------------------------------------

NOTEBOOKS := $(patsubst notebooks/%,artifacts/notebooks/%,$(wildcard notebooks/*.ipynb))

notebooks: $(NOTEBOOKS) ## run the notebooks; with their outputs they lie in artifacts/notebooks

artifacts/notebooks/%.ipynb: notebooks/%.ipynb $(MODEL) | $(ENV)
	@mkdir -p $(@D)
	cp $< $@
	cd $(@D) && $(CURDIR)/$(BIN)/jupyter execute --inplace $(@F)

NANO_CLASSES := chair,table,lamp,bed,shelf,sofa,mug,bottle,airplane,car,cabinet,vase
NANO_DATA    := --root $(ROOT) --source household --source procedural \
                --split eval/splits/household-v1.json --split eval/splits/procedural-v1.json

COMPONENTS   := button,capacitor,connector,crystal,diode,inductor,led,mounting,package,resistor,terminal_block,varistor
PARTS_DATA   := --root $(ROOT) --source components --split eval/splits/components-v1.json

# Interrupted, they go on where they were.
train: $(ROOT)/household/manifest.json $(ROOT)/procedural/manifest.json | $(ENV) ## train nano into artifacts/checkpoints/nano (hours)
	$(BIN)/argus3d train autoencoder $(NANO_DATA) --seed $(SEED) --out artifacts/training/autoencoder
	$(BIN)/argus3d train transformer $(NANO_DATA) --seed $(SEED) --out artifacts/training/transformer \
		--variants 12 --variants 4 --weight 6 --weight 1 --autoencoder artifacts/training/autoencoder \
		--classes $(NANO_CLASSES) --checkpoint artifacts/checkpoints/nano

train-components: $(ROOT)/components/manifest.json | $(ENV) ## train nano-components into artifacts/checkpoints (hours)
	$(BIN)/argus3d train autoencoder $(PARTS_DATA) --seed $(SEED) --steps 9000 --out artifacts/training/components-autoencoder
	$(BIN)/argus3d train transformer $(PARTS_DATA) --seed $(SEED) --steps 4000 --out artifacts/training/components-transformer \
		--variants 8 --autoencoder artifacts/training/components-autoencoder \
		--classes $(COMPONENTS) --checkpoint artifacts/checkpoints/nano-components

# --- checks ----------------------------------------------------------------------------------------------------------

# Not among them: gpu.sh, which needs a GPU, and import_memory.py, which needs 30 GB of disk.
bench: $(PREPARED) | $(ENV) ## measure speeds on this machine into reports/results/bench-*.json and README's cost table
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e ".[bench]"
	for name in sampling meshing; do $(BIN)/python -m benchmarks.$$name --out reports/results/bench-$$name.json; done
	$(BIN)/python -m benchmarks.metrics --data-root $(ROOT) --out reports/results/bench-metrics.json
	$(BIN)/python -m benchmarks.prepare --data-root $(ROOT) --out reports/results/bench-prepare.json --theirs 20
	$(BIN)/python -m benchmarks.reading --scratch artifacts/reading --out reports/results/bench-reading.json
	$(BIN)/python -m benchmarks.engine --data-root $(ROOT) --out reports/results/bench-engine.json
	$(BIN)/python -m benchmarks.cost_figure reports/figures/bench-metrics.png
	$(BIN)/python -m benchmarks.cost_table README.md

test: | $(ENV) ## run the tests
	$(BIN)/python -m pytest

lint: | $(ENV) ## ruff and mypy
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

# --- tidying ---------------------------------------------------------------------------------------------------------

clean: ## remove prepared data, samples and caches; downloads, trained checkpoints and .venv stay
	rm -rf $(ROOT) artifacts/samples artifacts/distances artifacts/nearest artifacts/notebooks
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis build

.PHONY: help reproduce-tables report notebooks train train-components bench test lint clean
