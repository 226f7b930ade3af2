# Every goal works by itself from a fresh clone: it makes .venv, installs exactly the locked
# packages, and builds the core only where something under core/ changed.
# Needs python3 (3.11 or newer, with venv) and a Rust toolchain; `make help` lists the goals.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CARGO := cargo
MANIFEST := --manifest-path core/Cargo.toml --locked

CORE_SOURCES := $(shell find core/src -name '*.rs') core/Cargo.toml core/Cargo.lock
EXAMPLE ?= examples/office.pcap.zst
PYTEST_ARGS ?= --numprocesses auto --dist loadfile
FUZZ_SECONDS ?= 60
BENCH_ARGS ?=
ACCURACY_ARGS ?=
PEERS := bench/data/peers

.PHONY: help demo test lint bench peers accuracy fuzz format lock clean

help: ## list the goals
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.core ## the machines of the example office: a table here, a page in out/office.html
	mkdir -p out
	$(BIN)/wiretell devices "$(EXAMPLE)" --html out/office.html
	@echo "plots: out/office.html"

test: $(VENV)/.core $(VENV)/.test ## the tests of the core, then those of the whole
	$(CARGO) test $(MANIFEST) --quiet
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.core $(VENV)/.lint ## style, types, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(CARGO) fmt --manifest-path core/Cargo.toml --check
	$(CARGO) clippy $(MANIFEST) --quiet --all-targets -- -D warnings
	$(CARGO) clippy $(MANIFEST) --quiet --all-targets --features python -- -D warnings

format: $(VENV)/.lint ## lay out the source as `make lint` wants it
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format
	$(CARGO) fmt --manifest-path core/Cargo.toml

bench: $(VENV)/.core $(VENV)/.bench ## speed and memory beside other tools, into bench/results/
	$(BIN)/python -m bench.run $(BENCH_ARGS)
	$(BIN)/python -m bench.start_up
	$(BIN)/python -m bench.growth
	$(BIN)/python -m bench.stages --cargo --keep
	$(BIN)/python -m bench.clustering --limit 120

# Debian's with apt-get, as root (argus and softflowd come with services: stop them where they are
# not wanted); those in Python in an environment of their own. What cannot be installed is missing
# in the table of `make bench`, and told there.
peers: $(VENV)/.bench ## install the tools that `make bench` compares with
	apt-get -q update >/dev/null
	for each in $$($(BIN)/python -m bench.contenders); do \
	    DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
	        "$$each" >/dev/null || echo "peers: no $$each" >&2; \
	done
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install \
	    --require-hashes -r requirements/peers.lock || echo "peers: no nfstream, no scapy" >&2

accuracy: $(VENV)/.core ## counts and attribution beside published methods, on drawn captures
	$(BIN)/python -m bench.accuracy --cache bench/data/accuracy $(ACCURACY_ARGS)

# libFuzzer needs compiler flags that stable Rust shows only to those who ask.
fuzz: export RUSTC_BOOTSTRAP = 1
fuzz: ## each parser on mutated captures, FUZZ_SECONDS (default 60) each
	$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz
	$(PYTHON) core/fuzz/seeds.py
	cd core && for target in $$($(CARGO) fuzz list); do \
	    echo "== $$target: $(FUZZ_SECONDS) s"; \
	    $(CARGO) fuzz run "$$target" -- \
	        -max_total_time=$(FUZZ_SECONDS); \
	done

# Locked for the oldest Python we support; newer ones need a subset.
lock: ## choose anew the versions in requirements/ and core/Cargo.lock
	$(PYTHON) -m venv out/lock
	out/lock/bin/python -m pip --quiet install pip-tools
	bash requirements/lock.sh out/lock/bin/pip-compile
	$(CARGO) update --manifest-path core/Cargo.toml

clean: ## remove all that was built
	rm -rf $(VENV) out core/target core/fuzz/target bench/data
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests lab bench -name __pycache__ -prune -exec rm -rf {} +
	rm -f src/wiretell/_core*.so

# --- stamps -----------------------------------------------------------------------------------

$(VENV)/.made:
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

$(VENV)/.runtime: requirements/build.lock requirements/runtime.lock | $(VENV)/.made
	$(PIP) install --require-hashes -r requirements/build.lock -r requirements/runtime.lock
	touch $@

$(VENV)/.test $(VENV)/.lint $(VENV)/.bench: $(VENV)/.%: requirements/%.lock $(VENV)/.runtime
	$(PIP) install --require-hashes -r $<
	touch $@

$(VENV)/.core: $(CORE_SOURCES) pyproject.toml $(VENV)/.runtime
	PIP_QUIET=1 $(BIN)/maturin develop --release --quiet
	touch $@
