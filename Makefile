# Needs python3 (3.10 or newer, with venv) and make; sets up the rest in .venv. Tested with GNU make 3.81 and newer.

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
LIPSYNC_VENV ?= .venv-lipsync
DOCS_VENV ?= .venv-docs
OTHERS_VENV ?= .venv-others
SDK_VENV ?= .venv-sdk
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps
ARGS ?=

.PHONY: help demo test test-others test-sdk test-packaging bench bench-lipsync docs deep lint format server dist requirements clean

help:
	@echo 'make demo          set up, then open a page where you talk with the avatar'
	@echo 'make test          set up, then run the tests (ARGS="-k playout" picks some)'
	@echo 'make test-others   test AsyncBithuman in the official plugin and in Pipecat, in an environment of its own (Python 3.11)'
	@echo 'make test-sdk      test against bitHuman'"'"'s SDK, in an environment of its own'
	@echo 'make test-packaging  install wheel and source archive into empty environments, with lowest and newest dependencies'
	@echo 'make bench         measure beside the official plugin, in an environment of its own (ARGS="--quick" is shorter)'
	@echo 'make bench-lipsync score the lip sync beside others, in an environment of its own (ARGS="--quick" is shorter)'
	@echo 'make docs          build the site from docs/ into build/site, and check its links'
	@echo 'make deep          10,000 random sequences through playout, with their statistics'
	@echo 'make lint          ruff and mypy'
	@echo 'make format        let ruff put the code in order'
	@echo 'make dist          wheel and source archive, in dist/'
	@echo 'make requirements  pin the newest versions that pyproject.toml allows'
	@echo 'make clean         remove what the above made; the built server stays in the user cache'

demo: $(VENV)/demo.stamp
	@$(BIN)/livekit-bithuman demo $(ARGS)

# Without a server its tests are skipped, and say so.
test: $(VENV)/dev.stamp
	-@$(BIN)/python -m livekit_bithuman.server
	@$(BIN)/python -m pytest $(ARGS)

# The official plugin and pipecat-bithuman around our runtime. Pipecat needs Python 3.11, and older versions than ours.
test-others: $(OTHERS_VENV)/others.stamp
	@$(OTHERS_VENV)/bin/python -m livekit_bithuman.server
	@LIVEKIT_BITHUMAN_REQUIRE=server,others $(OTHERS_VENV)/bin/python -m pytest tests/others $(ARGS)

$(OTHERS_VENV)/others.stamp: requirements/others.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Pipecat needs Python 3.11 or newer: make test-others PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -m venv $(OTHERS_VENV)
	$(OTHERS_VENV)/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

# bitHuman's SDK pins other versions than the package. Without a key what it does before it asks for one is tested; with
# BITHUMAN_API_SECRET and BITHUMAN_MODEL_PATH in the environment, a model too.
test-sdk: $(SDK_VENV)/sdk.stamp
	@LIVEKIT_BITHUMAN_REQUIRE=$(or $(LIVEKIT_BITHUMAN_REQUIRE),sdk) $(SDK_VENV)/bin/python -m pytest tests/sdk $(ARGS)

$(SDK_VENV)/sdk.stamp: requirements/sdk.txt
	@$(PYTHON) -m venv $(SDK_VENV)
	$(SDK_VENV)/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

# The official plugin and its SDK pin other versions than the package, so they have an environment of their own.
bench: $(BENCH_VENV)/bench.stamp
	@$(BENCH_VENV)/bin/python -m livekit_bithuman.server
	@$(BENCH_VENV)/bin/python -m bench.playout $(ARGS)

$(BENCH_VENV)/bench.stamp: requirements/bench.txt
	@$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

# Beside the package: what it is compared with, and the voice of the evaluation speech.
bench-lipsync: $(LIPSYNC_VENV)/bench.stamp
	@$(LIPSYNC_VENV)/bin/python -m bench.lipsync $(ARGS)

$(LIPSYNC_VENV)/bench.stamp: requirements/lipsync.txt
	@$(PYTHON) -m venv $(LIPSYNC_VENV)
	$(LIPSYNC_VENV)/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

# The seed makes a failure come again; another one looks elsewhere.
DEEP_SEED ?= 20261124

deep: $(VENV)/dev.stamp
	@PLAYOUT_EXAMPLES=10000 nice -n 19 $(BIN)/python -m pytest tests/property/test_playout.py -q --timeout=0 \
		--hypothesis-seed=$(DEEP_SEED) --hypothesis-show-statistics $(ARGS)

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/dev.stamp
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

server: $(VENV)/demo.stamp
	@$(BIN)/python -m livekit_bithuman.server

# The site, with its links checked. Its tools have an environment of their own.
docs: $(DOCS_VENV)/docs.stamp
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict $(ARGS)
	@echo 'open build/site/index.html, or: $(DOCS_VENV)/bin/mkdocs serve'

$(DOCS_VENV)/docs.stamp: requirements/docs.txt
	@$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

# The wheel and the source archive, in empty environments; PYTHONS=all tries every supported Python of this machine.
test-packaging: $(VENV)/dev.stamp
	@LIVEKIT_BITHUMAN_REQUIRE=packaging LIVEKIT_BITHUMAN_PYTHONS=$(PYTHONS) $(BIN)/python -m pytest tests/packaging $(ARGS)

dist: $(VENV)/demo.stamp
	@$(BIN)/python -m hatchling build

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo 'Python 3.10 or newer is needed: make PYTHON=python3.12 …' >&2; exit 1; }
	@echo 'Making $(VENV) with '"$$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo 'Python has no venv: on Debian and Ubuntu, apt-get install python3-venv' >&2; exit 1; }

$(VENV)/demo.stamp: requirements/demo.txt requirements/build.txt pyproject.toml hatch_build.py | $(VENV)/bin/python
	$(PIP) -r requirements/build.txt -r requirements/demo.txt
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/demo.stamp
	$(PIP) -r requirements/dev.txt
	@touch $@

UV_COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url

requirements: | $(VENV)/dev.stamp
	$(UV_COMPILE) pyproject.toml --extra demo -o requirements/demo.txt
	$(UV_COMPILE) pyproject.toml --extra demo --extra offline --extra openai --extra plot --extra dev -c requirements/demo.txt -o requirements/dev.txt
	$(UV_COMPILE) pyproject.toml --extra demo --extra offline --extra openai -c requirements/dev.txt -o requirements/agents.txt
	$(UV_COMPILE) requirements/build.in -o requirements/build.txt
	$(UV_COMPILE) pyproject.toml requirements/bench.in --extra demo -o requirements/bench.txt
	$(subst 3.10,3.11,$(UV_COMPILE)) pyproject.toml requirements/others.in -o requirements/others.txt
	$(UV_COMPILE) pyproject.toml requirements/sdk.in --extra bithuman -o requirements/sdk.txt
	$(UV_COMPILE) requirements/docs.in -o requirements/docs.txt
	$(UV_COMPILE) pyproject.toml requirements/lipsync.in -c requirements/demo.txt -o requirements/lipsync.txt

clean:
	rm -rf $(VENV) $(BENCH_VENV) $(DOCS_VENV) $(LIPSYNC_VENV) $(OTHERS_VENV) $(SDK_VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis livekit_bithuman/demo/static/vendor
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
