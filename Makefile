# Every target makes .venv when it is missing and is quick when it is there.
# Needs Python 3.10 to 3.13, make and git. Another Python: make PYTHON=/path/to/python3.12 test
# Without the libraries for GPUs: make CPU=1 lab

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

# The first Python on the path that can take the pins of constraints.txt.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.10 python3 python; do \
	if $$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; \
	then command -v $$p; break; fi; done)

BIN := .venv/bin
READY := .venv/.ready
CPU_INDEX ?= https://download.pytorch.org/whl/cpu
STREETS := data/streets-128x64
# Jupyter asks for this flag where one is root, as in most containers.
AS_ROOT := $(shell [ "$$(id -u)" != 0 ] || echo --allow-root)

# What stands in .venv already stays: it must be what is asked for.
ifeq ($(origin PYTHON),command line)
NOT_SO := $(shell version="import platform; print(platform.python_version())"; \
	asked=$$("$(PYTHON)" -c "$$version" 2>/dev/null) || echo "PYTHON=$(PYTHON) cannot be started"; \
	[ ! -x $(BIN)/python ] || [ -z "$$asked" ] || [ "$$asked" = "$$($(BIN)/python -c "$$version")" ] || \
	echo ".venv is there already, with another Python than $$asked: rename or delete it first")
else ifneq ($(CPU),)
NOT_SO := $(shell [ ! -e $(READY) ] || [ -e .venv/.cpu ] || \
	echo ".venv is there already, made without CPU=1: rename or delete it first")
endif
ifneq ($(NOT_SO),)
$(error $(NOT_SO))
endif

.PHONY: help lab lessons test test-slow mutate train study study-test photographs lint notebooks site slides venv

help:  ## show this list
	@echo "make <target>:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

venv: $(READY)  ## make .venv with everything in it, at the versions of constraints.txt

# PyTorch from an index of builds without CUDA, named "+cpu" for Linux; what it needs comes with the rest.
define CPU_ONLY
@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--no-deps --index-url $(CPU_INDEX) torch torchvision && \
	$(BIN)/python -c "import importlib.metadata, sys; sys.exit(sys.platform == 'linux' and \
		not importlib.metadata.version('torch').endswith('+cpu'))" && touch .venv/.cpu || { \
	echo "CPU=1: no PyTorch without CUDA from $(CPU_INDEX). Is it reached? Another: make CPU=1 CPU_INDEX=URL $(MAKECMDGOALS)." \
		"Or delete .venv and leave CPU=1 out" >&2; exit 1; }
endef

# The stamp is written last: an installation that broke off starts again.
$(READY): pyproject.toml constraints.txt
	@if [ ! -x $(BIN)/python ]; then \
		py="$(PYTHON)"; \
		if [ -z "$$py" ]; then \
			echo "No Python 3.10 to 3.13 found. Install one, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
			exit 1; \
		fi; \
		echo "Making .venv with $$py (once; downloads PyTorch, a few minutes)"; \
		"$$py" -m venv .venv || { rm -rf .venv; \
			echo "$$py cannot make a virtual environment. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	fi
	$(if $(CPU),$(CPU_ONLY))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e ".[notebooks,tensorboard,test,dev]"
	@touch $@

# They are copied once. A copy that exists is the student's and stays as it is.
lessons: $(READY)  ## your own copies of the lessons, not run yet, in my-lessons/
	@$(BIN)/python tools/my_lessons.py

# It begins in my-lessons/ and serves the whole folder: lessons point to documents beside them.
lab: lessons  ## open the lessons in JupyterLab (your copies)
	$(BIN)/python -m jupyter lab --FileContentsManager.preferred_dir=my-lessons $(AS_ROOT) $(LAB_FLAGS)

# Tests at a time: as many as cores, each with one thread. WORKERS=0: one after another, in one process.
WORKERS ?= auto
PYTEST = $(BIN)/python -m pytest -n $(WORKERS)

# All three parts run, whatever fails before; then a line for each, and the exit status of them all.
test: $(READY)  ## all quick tests, the widgets in a browser, then every notebook against its stored output
	@report=; failed=0; \
	part() { \
		name=$$1; shift; \
		printf '\n%s: %s\n' "$$name" "$$*"; \
		if "$$@"; then found="no failures"; else found="FAILED (exit status $$?)"; failed=1; fi; \
		report="$$report$$name: $$found\n"; \
	}; \
	part "quick tests" $(PYTEST) -p no:nbval --dist worksteal; \
	part "browser tests" $(PYTEST) -p no:nbval -m "browser and not slow" -rs tests/browser; \
	part "notebooks" $(PYTEST) --dist loadfile --no-loadscope-reorder --nbval notebooks/; \
	printf "\n$$report"; \
	exit $$failed

test-slow: $(READY)  ## the slow proofs
	$(BIN)/python -m pytest -m slow

mutate: $(READY)  ## put known bugs in, see that the tests catch each (NOTEBOOKS=1: that the lessons do)
	$(BIN)/python tests/house/mutations.py $(if $(NOTEBOOKS),--notebooks)

# Streets are written where they are missing. Others in that folder, as of an older acflib, are refused.
train: $(READY)  ## train a small ACFNet on generated streets (CPU, minutes)
	$(BIN)/python -m acflib data streets --out $(STREETS) --size 128x64
	$(BIN)/python -m acflib train --preset tiny-acf-sum --data $(STREETS) --out runs/streets $(TRAIN_FLAGS)

# Needs npm (Node.js) once, for the runtime of the page.
site: $(READY)  ## the playground and the lessons as static pages, in site/
	$(BIN)/python -m acflib site --out site $(SITE_FLAGS)

# The blocks of docs/study-plan.md in its order. Each goes on where it was stopped. JOBS: runs at a time, a thread each.
JOBS ?= 1
ABLATE = $(BIN)/python -m acflib ablate --jobs $(JOBS)
EIGHT := 10 11 12 13 14 15 16 17
SIX := 10 11 12 13 14 15
FIVE := 10 11 12 13 14
THREE := 10 11 12
PHOTOGRAPHS ?= data/camvid
WORLD_ROWS := self sum global center

study: $(READY)  ## train the networks of the study of class centers (hours; JOBS=2: two at a time)
	$(ABLATE) --study own-47 own-239 --rows self sum --seeds $(EIGHT)
	$(ABLATE) --study own-47 --rows baseline global psp concat center permuted detach --seeds $(EIGHT)
	$(ABLATE) --study turned-47 fixed-47 --rows $(WORLD_ROWS) --seeds $(SIX)
	$(ABLATE) --study crowd-47 --rows $(WORLD_ROWS) --seeds $(SIX)
	$(ABLATE) --study own-47 --rows oracle-centers oracle-presence oracle-appearance --seeds $(SIX)
	$(ABLATE) --study turned-239 fixed-239 own-111 turned-111 fixed-111 --rows self sum --seeds $(FIVE)
	$(ABLATE) --study own-239 --rows global center --seeds $(FIVE)
	$(ABLATE) --study own-47-frozen --rows self global sum center permuted --seeds $(FIVE)

study-test: $(READY)  ## score the networks of a finished study on its test scenes, once
	$(ABLATE) --study own-47-test own-239-test --rows self sum --seeds $(EIGHT)
	$(ABLATE) --study own-47-test --rows baseline global psp concat center permuted detach --seeds $(EIGHT)
	$(ABLATE) --study turned-47-test fixed-47-test --rows $(WORLD_ROWS) --seeds $(SIX)
	$(ABLATE) --study crowd-47-test --rows $(WORLD_ROWS) --seeds $(SIX)
	$(ABLATE) --study own-47-test --rows oracle-centers oracle-presence oracle-appearance --seeds $(SIX)
	$(ABLATE) --study turned-239-test fixed-239-test own-111-test turned-111-test fixed-111-test --rows self sum --seeds $(FIVE)
	$(ABLATE) --study own-239-test --rows global center --seeds $(FIVE)
	$(ABLATE) --study own-47-frozen-test --rows self global sum center permuted --seeds $(FIVE)

# Needs CamVid; PHOTOGRAPHS names its folder. The second line looks at its test part.
photographs: $(READY)  ## the same pairs on photographs, trained and scored (hours; JOBS=2: two at a time)
	$(ABLATE) --study photographs --rows self sum psp --seeds $(THREE) --data $(PHOTOGRAPHS)
	$(ABLATE) --study photographs-test --rows self sum psp --seeds $(THREE) --data $(PHOTOGRAPHS)

# The PDF needs a Chromium.
slides: $(READY)  ## a talk of 30 minutes, with notes, in slides/
	$(BIN)/python tools/slides.py

lint: $(READY)  ## style (ruff), types (mypy) and spelling (codespell)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/python -m codespell_lib

notebooks: $(READY)  ## run every notebook again, in place; then make anew all that is made of them and of results/
	$(BIN)/python tools/run_notebooks.py
	$(BIN)/python tools/list_exercises.py
	$(BIN)/python tools/paper_map.py
	$(BIN)/python tools/measure_notebooks.py --table
	$(BIN)/python tools/python_matrix.py --table
	$(BIN)/python -m acflib ablate --write-tables RESULTS.md
