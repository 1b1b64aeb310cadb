# argus3d: every target makes what it needs, the environment included. GNU make 4.3, Python 3.11 or newer.
# Each combination of settings has files of its own, so changing one and changing it back costs nothing.

PYTHON     ?= python3
DATA       ?= objects
CHECKPOINT ?= nano
PROTOCOL   ?= argus3d-v1
SEED       ?= 0
WORKERS    ?= 2
DEB        ?=
DATA_PATH  ?=

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# What is measured: sources to prepare, a split, its part that is the reference, and as many training shapes. `objects`
# is household and components together, where every task has its table.
SOURCES_objects    := household components
SPLIT_objects      := nano-v2
TRAINED_objects    := household-v1/train components-v1/train procedural-v1/train
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
# Where every task has its table, the smoke protocol takes fewer shapes for each.
TASKED             := $(filter objects,$(DATA))
SMOKE              := $(and $(TASKED),$(filter smoke,$(PROTOCOL)))
TEST               := $(or $(TEST_$(DATA)),$(if $(SMOKE),few,test))
TRAIN              := $(or $(TRAIN_$(DATA)),train_like_$(TEST))
TRAINED_ON         := $(or $(TRAINED_$(DATA)),$(SOURCES_$(DATA):%=%-v1/train))
# Data that the user brings: they want a path, and the ids of their splits are made from them.
BROUGHT            := objaverse shapenet
$(if $(SOURCES_$(DATA)),,$(error DATA=$(DATA) is not known here; choose objects, household, components, procedural, objaverse or shapenet))
$(if $(filter $(BROUGHT),$(DATA)),$(if $(DATA_PATH),,$(error DATA=$(DATA) lies with you; name its folder with DATA_PATH=)))

# Where it goes: the defaults have plain names, every other setting adds its own word.
NAME    := $(notdir $(CHECKPOINT:%/=%))
RUN     := $(DATA)$(if $(filter-out nano,$(CHECKPOINT)),-$(subst /,_,$(CHECKPOINT:%/=%)))
RUN     := $(RUN)$(if $(filter-out argus3d-v1,$(PROTOCOL)),-$(basename $(notdir $(PROTOCOL))))
RUN     := $(RUN)$(if $(filter-out 0,$(SEED)),-seed$(SEED))
ROOT    := artifacts/data
SAMPLES := artifacts/samples/$(RUN)
RESULTS := reports/results/$(RUN)
TABLE   := reports/tables/$(RUN)
FIGURE  := reports/figures/$(RUN)

BIN   := .venv/bin
COMMA := ,
ENV := .venv/.installed

help: ## print this
	@echo "make TARGET [VARIABLE=value ...]"
	@echo
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  DATA=$(DATA) (objects: household and components, with a table for every task; household, components, procedural;"
	@echo "       objaverse and shapenet want DATA_PATH=FOLDER)"
	@echo "  CHECKPOINT=$(CHECKPOINT) (nano or a folder)   PROTOCOL=$(PROTOCOL) (smoke: five minutes for all tasks)"
	@echo "  SEED=$(SEED)   WORKERS=$(WORKERS) (processes that sample; their number changes nothing)   DEB=$(DEB) (the package of household, or the folder of those of components, that you already have)   PYTHON=$(PYTHON)"

# --- environment -----------------------------------------------------------------------------------------------------

$(ENV): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "argus3d needs Python 3.11 or newer; '$(PYTHON)' is not. Try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e ".[dev]"
	@touch $@

# --- data ------------------------------------------------------------------------------------------------------------

# Of the default, DEB is household's package; the folder of those of components is named by DEB_components.
DEB_household  ?= $(if $(filter household objects,$(DATA)),$(DEB))
DEB_components ?= $(if $(filter components,$(DATA)),$(DEB))

PREPARED := $(SOURCES_$(DATA):%=$(ROOT)/%/manifest.json)
# What a sample is held against to see whether it is a copy.
LEARNED_FROM := $(if $(filter $(BROUGHT),$(DATA)),$(PREPARED),$(patsubst %-v1/train,$(ROOT)/%/manifest.json,$(TRAINED_ON)))
# Half a million shapes are more than a file system likes.
OF_objaverse = $(DATA_PATH:%= --path %) --packed
OF_shapenet  = $(DATA_PATH:%= --path %) --packed --classes 13

$(ROOT)/%/manifest.json: | $(ENV)
	$(BIN)/argus3d data prepare $* --root $(ROOT)$(OF_$*)$(DEB_$*:%= --deb %)

$(ROOT)/%/views.json: $(ROOT)/%/manifest.json
	$(BIN)/argus3d data prepare $* --root $(ROOT) --views$(OF_$*) >/dev/null

$(ROOT)/%/views-$(SPLIT_$(DATA)).json: $(ROOT)/%/manifest.json
	$(BIN)/argus3d data prepare $* --root $(ROOT) $(SHOWN:%=--views-of eval/splits/$(SPLIT_$(DATA)).json/%)$(OF_$*) >/dev/null

$(ROOT)/splits/%.json: | $(ENV)
	$(BIN)/argus3d data split $* --path $(DATA_PATH) --root $(ROOT) >/dev/null

# --- samples ---------------------------------------------------------------------------------------------------------

MODEL  := $(firstword $(wildcard argus3d/checkpoints/$(CHECKPOINT)/argus.json $(CHECKPOINT:%/=%)/argus.json))
SPLIT  := $(if $(filter $(BROUGHT),$(DATA)),$(ROOT)/splits,eval/splits)/$(SPLIT_$(DATA)).json
SHAPES := --root $(ROOT) $(SOURCES_$(DATA):%=--source %)
MAKING := --checkpoint $(CHECKPOINT) --seed $(SEED) --workers $(WORKERS) $(SHAPES)
# The command itself draws from all of the top 250. Chosen on validation shapes (`make sweeps`; 1-NNA of 70 samples by
# class, guided twice, was 57 % at 0.9, 66 % at 0.95, and at 0.85 more were empty).
DRAW   := --top-p 0.95
DRAWN  := --top-p 0.9$(if $(filter nano,$(CHECKPOINT)), --guidance 2)
# A folder that an older checkpoint filled begins anew; one of an interrupted run goes on.
FRESH   = @if [ "$(MODEL)" -nt $(@D)/settings.json ]; then rm -rf $(@D); fi

$(SAMPLES)/generated/manifest.json: $(PREPARED) $(MODEL) $(SPLIT) | $(ENV)
	$(FRESH)
	$(BIN)/argus3d sample $(MAKING) $(DRAWN) --like $(SPLIT)/$(TEST) --out $(@D)

$(SAMPLES)/reconstructed/manifest.json: $(PREPARED) $(MODEL) $(SPLIT) | $(ENV)
	$(FRESH)
	$(BIN)/argus3d reconstruct $(MAKING) --shapes $(SPLIT)/$(TEST) --out $(@D)

$(SAMPLES)/reconstructed_training_set/manifest.json: $(PREPARED) $(MODEL) $(SPLIT) | $(ENV)
	$(FRESH)
	$(BIN)/argus3d reconstruct $(MAKING) --shapes $(SPLIT)/$(TRAIN) --out $(@D)

$(SAMPLES)/scrambled/manifest.json: $(SAMPLES)/reconstructed_training_set/manifest.json
	@rm -rf $(@D)
	$(BIN)/argus3d sample $(MAKING) --like $(SPLIT)/$(TEST) --scramble $(<D) --out $(@D)

# --- samples of the tasks: several for each of a few shapes ----------------------------------------------------------

FEW    := $(SPLIT)/$(if $(SMOKE),handful,few)
# How much a condition counts: chosen on validation shapes (`make sweeps`).
GUIDED := $(DRAW) --guidance 3
BYS    := nothing category text image
CUTS   := viewpoint bottom
# Pictures of all shapes are for training alone: these parts are looked at in tables and sweeps.
SHOWN  := few few_of_val train_like_test
VIEWED := $(SOURCES_$(DATA):%=$(ROOT)/%/views-$(SPLIT_$(DATA)).json)

# As many as there are test shapes, of no class in particular.
$(SAMPLES)/unconditional/manifest.json: $(PREPARED) $(MODEL) $(SPLIT) | $(ENV)
	$(FRESH)
	$(BIN)/argus3d sample $(MAKING) $(DRAW) --like $(SPLIT)/$(TEST) --by nothing --out $(@D)

$(BYS:%=$(SAMPLES)/by_%/manifest.json): $(SAMPLES)/by_%/manifest.json: $(VIEWED) $(MODEL) $(SPLIT) | $(ENV)
	$(FRESH)
	$(BIN)/argus3d sample $(MAKING) $(if $(filter nothing,$*),$(DRAW),$(GUIDED)) --like $(FEW) --by $* \
		--each $(if $(SMOKE),2,4) --out $(@D)

$(CUTS:%=$(SAMPLES)/complete_%/manifest.json): $(SAMPLES)/complete_%/manifest.json: $(PREPARED) $(MODEL) $(SPLIT) | $(ENV)
	$(FRESH)
	$(BIN)/argus3d complete $(MAKING) $(GUIDED) --like $(FEW) --cut $* --each $(if $(SMOKE),2,10) --out $(@D)

# --- results: one file a row -----------------------------------------------------------------------------------------

GENERATION := $(addprefix $(RESULTS)/,$(NAME).json $(if $(TASKED),$(NAME)_unconditional.json) training_set.json \
              reconstructed_training_set.json scrambled.json reference_vs_itself.json)
TASKS      := $(if $(TASKED),$(addprefix $(RESULTS)/,$(BYS:%=by_%.json) by_class_of_training_set.json guided_reference.json \
              $(CUTS:%=from_%.json) from_training_set.json from_reference.json memorisation.json test_set.json \
              copies/training_set.json))
ROWS       := $(GENERATION) $(RESULTS)/reconstruction.json $(TASKS)
REFERENCE  := $(SPLIT_$(DATA))/$(TEST)
FEW_SHAPES := $(SPLIT_$(DATA))/$(notdir $(FEW))
BY          = --protocol $(PROTOCOL) --data-root $(ROOT) --out $@ >/dev/null
KEEP       := --cache artifacts/distances
VIEWS      := --views-by efficientnet-lite0-global --cache artifacts/features

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

$(RESULTS)/$(NAME)_unconditional.json: $(SAMPLES)/unconditional/manifest.json
	$(BIN)/argus3d-eval score $(<D) $(REFERENCE) $(KEEP) $(BY)

# By class is what by text and by image are held against.
$(RESULTS)/by_nothing.json $(RESULTS)/by_category.json: $(RESULTS)/by_%.json: $(SAMPLES)/by_%/manifest.json
	$(BIN)/argus3d-eval guided $(<D) $(FEW_SHAPES) $(VIEWS) $(BY)

$(RESULTS)/by_text.json $(RESULTS)/by_image.json: $(RESULTS)/by_%.json: $(SAMPLES)/by_%/manifest.json $(SAMPLES)/by_category/manifest.json
	$(BIN)/argus3d-eval guided $(<D) $(FEW_SHAPES) --against $(SAMPLES)/by_category $(VIEWS) $(BY)

$(RESULTS)/by_class_of_training_set.json: $(SAMPLES)/by_category/manifest.json
	$(BIN)/argus3d-eval guided $(<D) $(FEW_SHAPES) --baseline training --training $(SPLIT_$(DATA))/$(TRAIN) $(VIEWS) $(BY)

$(RESULTS)/guided_reference.json: $(SAMPLES)/by_category/manifest.json
	$(BIN)/argus3d-eval guided $(<D) $(FEW_SHAPES) --baseline reference $(VIEWS) $(BY)

$(CUTS:%=$(RESULTS)/from_%.json): $(RESULTS)/from_%.json: $(SAMPLES)/complete_%/manifest.json
	$(BIN)/argus3d-eval completion $(<D) $(FEW_SHAPES) $(BY)

$(RESULTS)/from_training_set.json: $(SAMPLES)/complete_viewpoint/manifest.json $(LEARNED_FROM)
	$(BIN)/argus3d-eval completion $(<D) $(FEW_SHAPES) --baseline training --training $(subst $() $(),$(COMMA),$(TRAINED_ON)) $(BY)

$(RESULTS)/from_reference.json: $(SAMPLES)/complete_viewpoint/manifest.json
	$(BIN)/argus3d-eval completion $(<D) $(FEW_SHAPES) --baseline reference $(BY)

$(RESULTS)/memorisation.json: $(SAMPLES)/unconditional/manifest.json $(LEARNED_FROM)
	$(BIN)/argus3d-eval memorisation $(<D) $(TRAINED_ON) --like $(SPLIT_$(DATA))/$(TRAIN) --name $(NAME) $(BY)

$(RESULTS)/test_set.json: $(LEARNED_FROM) $(SPLIT) | $(ENV)
	$(BIN)/argus3d-eval memorisation $(REFERENCE) $(TRAINED_ON) --like $(SPLIT_$(DATA))/$(TRAIN) $(BY)

$(RESULTS)/copies/training_set.json: $(LEARNED_FROM) $(SPLIT) | $(ENV)
	$(BIN)/argus3d-eval memorisation $(SPLIT_$(DATA))/$(TRAIN) $(TRAINED_ON) --like $(SPLIT_$(DATA))/$(TRAIN) $(BY)

artifacts/nearest/$(RUN).json: $(SAMPLES)/generated/manifest.json $(LEARNED_FROM)
	$(BIN)/argus3d-eval nearest $(<D) $(TRAINED_ON) --data-root $(ROOT) --out $@

# --- tables and figures ----------------------------------------------------------------------------------------------

# Numbers are drawn for screens and for papers.
FORMATS  := png pdf
DRAWINGS := $(foreach name,metrics codes graph,$(FORMATS:%=$(FIGURE)-$(name).%))
SHEETS   := $(FIGURE)-samples.png $(FIGURE)-reconstructions.png \
            $(if $(TASKED),$(FIGURE)-glance.png $(BYS:%=$(FIGURE)-by-%.png) $(CUTS:%=$(FIGURE)-complete-%.png))
PAGES    := $(TABLE).md $(TABLE).csv $(TABLE).tex $(DRAWINGS) $(SHEETS)

PAGE     := reports/$(if $(filter objects,$(RUN)),index,$(RUN)).html
# Other runs that were measured before stand below this one, to be compared with it; so do studies.
OTHERS   := $(filter-out $(RESULTS),$(patsubst %/reconstruction.json,%,$(wildcard reports/results/*/reconstruction.json)))
STUDIES  := $(wildcard reports/tables/sweeps.md reports/tables/ablations.md reports/sensitivity/household.md docs/measure.md)
BESIDES  := $(wildcard $(addprefix reports/figures/,sensitivity.png sweeps.png ablations-size.png ablations-data.png nano-training.png bench-metrics.png bench-sampling.png))

reproduce-tables: $(PAGES) $(PAGE) ## fetch, prepare, sample, measure; write reports/tables, reports/figures and a page of all

report: $(PAGE) ## the page alone: reports/index.html, or one named after the settings

$(PAGE): $(PAGES) reports/published.csv docs/cost.md | $(ENV)
	$(BIN)/argus3d-eval page $(RESULTS) $(OTHERS) --published reports/published.csv --cost docs/cost.md --data-root $(ROOT) \
		$(patsubst %,--figure %,$(filter %.png,$(DRAWINGS)) $(BESIDES)) $(SHEETS:%=--sheet %) $(STUDIES:%=--more %) \
		--samples $(SAMPLES)/generated artifacts/nearest/$(RUN).json --samples $(SAMPLES)/reconstructed --out $@

# README shows the default run.
$(TABLE).md $(TABLE).csv $(TABLE).tex &: $(ROWS)
	$(BIN)/argus3d-eval table $^ --out $(TABLE) $(if $(filter objects,$(RUN)),--readme README.md)
	@cat $(TABLE).md

$(FORMATS:%=$(FIGURE)-metrics.%) &: $(GENERATION)
	$(BIN)/argus3d-eval figure $^ --out $(FORMATS:%=$(FIGURE)-metrics.%)

# Which codes the shapes use, and those that are written.
CODED := reconstructed generated scrambled
$(FORMATS:%=$(FIGURE)-codes.%) &: $(CODED:%=$(SAMPLES)/%/manifest.json)
	$(BIN)/argus3d-eval figure --codes $(^D) --out $(FORMATS:%=$(FIGURE)-codes.%)

$(FORMATS:%=$(FIGURE)-graph.%) &: $(SAMPLES)/scrambled/manifest.json $(SAMPLES)/generated/manifest.json
	$(BIN)/argus3d-eval figure --graph $(^D) $(SPLIT_$(DATA))/$(TRAIN) $(REFERENCE) --data-root $(ROOT) \
		$(if $(SMOKE),--count 12) --out $(FORMATS:%=$(FIGURE)-graph.%)

# README shows what was asked for beside what came first, of classes that everybody knows.
$(FIGURE)-glance.png: $(patsubst %,$(SAMPLES)/%/manifest.json,generated by_text by_image complete_viewpoint)
	$(BIN)/argus3d-eval sheet glance $(^D) $(if $(SMOKE),,--category bed,bottle,car,chair,lamp) --out $@

$(FIGURE)-samples.png: $(SAMPLES)/generated/manifest.json artifacts/nearest/$(RUN).json
	$(BIN)/argus3d-eval sheet samples $(<D) --nearest $(word 2,$^) --data-root $(ROOT) --out $@

$(FIGURE)-reconstructions.png: $(SAMPLES)/reconstructed/manifest.json
	$(BIN)/argus3d-eval sheet reconstructions $(<D) --data-root $(ROOT) --out $@

$(BYS:%=$(FIGURE)-by-%.png): $(FIGURE)-by-%.png: $(SAMPLES)/by_%/manifest.json
	$(BIN)/argus3d-eval sheet guided $(<D) --data-root $(ROOT) --out $@

$(CUTS:%=$(FIGURE)-complete-%.png): $(FIGURE)-complete-%.png: $(SAMPLES)/complete_%/manifest.json
	$(BIN)/argus3d-eval sheet completions $(<D) --data-root $(ROOT) --out $@

# --- sweeps: how much a condition counts and which tokens are drawn, on validation shapes ------------------------------

SWEEPS := guidance-category guidance-text guidance-image top-p top-k
# A word is BY-OPTION-VALUE.
SWEPT  := $(foreach by,category text image,$(addprefix $(by)-guidance-,1 2 3 5)) $(addprefix category-top_p-,0.85 0.9 0.95 1) \
          $(addprefix category-top_k-,5 20 80 256)
SWEPT_BY  = $(word 1,$(subst -, ,$*))
SWEPT_SET = $(if $(findstring top_p,$*),--guidance 2,$(if $(findstring top_k,$*),,$(DRAW))) --$(subst _,-,$(word 2,$(subst -, ,$*))) $(word 3,$(subst -, ,$*))

$(SWEPT:%=artifacts/samples/sweeps/%/manifest.json): artifacts/samples/sweeps/%/manifest.json: $(VIEWED) $(MODEL) $(SPLIT) | $(ENV)
	$(FRESH)
	$(BIN)/argus3d sample $(MAKING) $(SWEPT_SET) --like $(SPLIT)/few_of_val --by $(SWEPT_BY) --each 2 --out $(@D)

$(SWEPT:%=reports/results/sweeps/%.json): reports/results/sweeps/%.json: artifacts/samples/sweeps/%/manifest.json
	$(BIN)/argus3d-eval guided $(<D) $(SPLIT_$(DATA))/few_of_val $(BY)

sweeps: $(SWEPT:%=reports/results/sweeps/%.json) ## guidance scale, top-p and top-k on validation shapes (DATA=objects; ten minutes beside the set-up)
	$(BIN)/argus3d-eval table $(SWEEPS:%=--sweep reports/sweeps/%.json) --out reports/tables/sweeps
	$(BIN)/argus3d-eval figure $(SWEEPS:%=--sweep reports/sweeps/%.json) --out reports/figures/sweeps.png

# --- what moves the metrics: training shapes against test shapes, one choice of the protocol after another -----------

MOVED := reports/sensitivity/household

sensitivity: $(ROOT)/household/manifest.json $(ROOT)/procedural/manifest.json ## what moves the metrics; goes on where it stopped
	$(BIN)/argus3d-eval table --sensitivity nano-v1/train_like_test nano-v1/test --name "training set" \
		--data-root $(ROOT) --cache artifacts/sensitivity --out $(MOVED)
	$(BIN)/argus3d-eval figure --sensitivity $(MOVED).json --out $(FORMATS:%=reports/figures/sensitivity.%)

# --- notebooks and training ------------------------------------------------------------------------------------------

NOTEBOOKS := $(patsubst notebooks/%,artifacts/notebooks/%,$(wildcard notebooks/*.ipynb))

notebooks: $(NOTEBOOKS) ## run the notebooks; with their outputs they lie in artifacts/notebooks

artifacts/notebooks/%.ipynb: notebooks/%.ipynb $(MODEL) | $(ENV)
	@mkdir -p $(@D)
	cp $< $@
	cd $(@D) && $(CURDIR)/$(BIN)/jupyter execute --inplace $(@F)

LEARNED := household components procedural
LESSONS := --root $(ROOT) $(LEARNED:%=--source %) $(LEARNED:%=--split eval/splits/%-v1.json) --seed $(SEED)

# Interrupted, they go on where they were.
train: $(LEARNED:%=$(ROOT)/%/manifest.json) $(ROOT)/household/views.json $(ROOT)/components/views.json | $(ENV) ## train nano into artifacts/checkpoints/nano (hours)
	$(BIN)/argus3d train autoencoder $(LESSONS) --steps 20000 --learning-rate 6e-4 --out artifacts/training/autoencoder
	$(BIN)/argus3d train transformer $(LESSONS) --steps 12000 --validate-every 1500 --out artifacts/training/transformer \
		--text minilm-tokens --image efficientnet-lite0-patches --part \
		--variants 8 --variants 6 --variants 2 --weight 12 --weight 6 --weight 1 \
		--autoencoder artifacts/training/autoencoder --checkpoint artifacts/checkpoints/nano
	$(BIN)/argus3d-eval curves artifacts/training/autoencoder/log.jsonl artifacts/training/transformer/log.jsonl \
		--out reports/figures/nano-training.png

ABLATIONS := quirks representation size data

# Interrupted, it goes on where it was.
ablations: $(LEARNED:%=$(ROOT)/%/manifest.json) | $(ENV) ## train small models that differ in one thing (three hours of one core)
	$(BIN)/python -m benchmarks.ablations $(ABLATIONS) --root $(ROOT)
	$(BIN)/argus3d-eval table $(ABLATIONS:%=--sweep reports/results/ablations/%) --out reports/tables/ablations
	for study in size data; do $(BIN)/argus3d-eval figure --sweep reports/results/ablations/$$study \
		--out reports/figures/ablations-$$study.png; done

# --- checks ----------------------------------------------------------------------------------------------------------

# Not among them: gpu.sh, which needs a GPU, and import_memory.py, which needs 30 GB of disk.
bench: $(PREPARED) | $(ENV) ## measure speeds on this machine into reports/results/bench-*.json and the cost tables
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e ".[bench]"
	for name in sampling meshing; do $(BIN)/python -m benchmarks.$$name --out reports/results/bench-$$name.json; done
	$(BIN)/python -m benchmarks.metrics --data-root $(ROOT) --out reports/results/bench-metrics.json
	$(BIN)/python -m benchmarks.prepare --data-root $(ROOT) --out reports/results/bench-prepare.json --theirs 20
	$(BIN)/python -m benchmarks.reading --scratch artifacts/reading --out reports/results/bench-reading.json
	$(BIN)/python -m benchmarks.engine --data-root $(ROOT) --out reports/results/bench-engine.json
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.training --out reports/results/bench-training.json
	$(BIN)/python -m benchmarks.cost_figure reports/figures/bench-metrics.png reports/figures/bench-sampling.png
	$(BIN)/python -m benchmarks.cost_table

test: | $(ENV) ## run the tests
	$(BIN)/python -m pytest

lint: | $(ENV) ## ruff and mypy
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

# Goes on where it stopped. By Python 3.12 or newer, which tells of new lines at no cost, it takes an hour.
INPUTS ?= 50000

fuzz: | $(ENV) ## feed every reader of files broken and hostile ones (INPUTS=50000 each) into reports/results/fuzzing.json
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.fuzzing --inputs $(INPUTS) --reader all --scratch artifacts/fuzzing \
		--out reports/results/fuzzing.json

# --- tidying ---------------------------------------------------------------------------------------------------------

clean: ## remove prepared data, samples and caches; downloads, trained checkpoints and .venv stay
	rm -rf $(ROOT) artifacts/samples artifacts/distances artifacts/features artifacts/nearest artifacts/notebooks artifacts/sensitivity
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis build

.PHONY: help reproduce-tables report sweeps sensitivity notebooks train ablations bench fuzz test lint clean
