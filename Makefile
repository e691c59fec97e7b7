# Everything a contributor does, one word each; `make` alone lists the words.
#
# Needs Python 3.10 or newer and a Rust toolchain, nothing else. The first word that needs them
# makes .venv and builds the extension; stamps in .venv keep the next one quick. pip's and cargo's
# own settings (index, proxy, certificates, CARGO_TARGET_DIR) are honoured as they stand.

SHELL := bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
STAMPS := $(VENV)/.stamps

# In CI the lock file is the law; at a desk cargo may update it.
LOCKED := $(if $(CI),--locked)
# The extension and the Rust checks link against the same interpreter, so that nothing compiles twice.
export PYO3_PYTHON := $(BIN)/python

# The kernels of the other architecture are read too, where its standard library is installed.
OTHER_TARGETS := $(if $(filter x86_64,$(shell uname -m)),aarch64,x86_64)-unknown-linux-gnu

RUST_SOURCES := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name Cargo.toml -o -name build.rs)
PYTEST_ARGS ?=
DEMO_ARGS ?=
BENCH_ARGS ?=
FUZZ_SECONDS ?= 300

.PHONY: help
help:  ## list these words
	@awk 'BEGIN {FS = ":.*## "} \
	    /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	    /^[a-z][a-z-]*:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo

##@ First steps

.PHONY: demo
demo: $(STAMPS)/demo  ## the coffee city: exact search and directions, side by side (DEMO_ARGS="--shops 100_000")
	$(BIN)/vicinal demo $(DEMO_ARGS)

.PHONY: test
test: test-rust test-isa-quick test-python  ## every test, Rust and Python

##@ Checking

.PHONY: lint
lint: $(STAMPS)/dev  ## formatting, clippy, rustdoc, ruff, mypy, stubs and the direction of imports
	cargo fmt --all -- --check
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
	@for target in $(OTHER_TARGETS); do \
	    if test -d "$$(rustc --print target-libdir --target $$target)"; then echo "== clippy for $$target"; \
	        cargo clippy $(LOCKED) --target $$target -p vicinal-kernels -p vicinal-core --all-targets -- -D warnings || exit; \
	    else echo "== $$target is not installed (rustup target add $$target): its kernels go unread"; fi; done
	RUSTDOCFLAGS="-D warnings" cargo doc $(LOCKED) --workspace --no-deps --document-private-items --quiet
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest vicinal._native
	$(BIN)/lint-imports

.PHONY: fmt
fmt: $(STAMPS)/dev  ## format Rust and Python in place, and mend what the linter can mend
	cargo fmt --all
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

.PHONY: hooks
hooks: $(STAMPS)/dev  ## let git run the quick half of lint before each commit
	$(BIN)/pre-commit install

.PHONY: test-rust
test-rust:  ## the Rust tests; every kernel this machine has against the scalar reference
	cargo test $(LOCKED) --no-fail-fast --workspace --exclude vicinal-python

.PHONY: test-python
test-python: $(STAMPS)/dev  ## the Python tests (PYTEST_ARGS="tests/recall -k l2")
	$(BIN)/pytest $(PYTEST_ARGS)

# Asked of the built extension: all instruction sets of this machine, and those but the one it chooses.
ISAS = $$($(BIN)/python -c 'from vicinal import _native as n; print(*n.available_isas())')
OTHER_ISAS = $$($(BIN)/python -c 'from vicinal import _native as n; print(*{*n.available_isas()} - {n.isa()})')

.PHONY: test-isa-quick
test-isa-quick: $(STAMPS)/dev  ## the contract tests under each instruction set that test-python does not choose
	@set -e; for isa in $(OTHER_ISAS); do echo "== VICINAL_ISA=$$isa"; \
	    VICINAL_ISA=$$isa $(BIN)/pytest -q tests/contract; done

.PHONY: test-isa
test-isa: $(STAMPS)/dev  ## all tests under each instruction set this machine has
	@set -e; for isa in $(ISAS); do echo "== VICINAL_ISA=$$isa"; \
	    VICINAL_ISA=$$isa cargo test $(LOCKED) --workspace --exclude vicinal-python; \
	    VICINAL_ISA=$$isa $(BIN)/pytest $(PYTEST_ARGS); done

.PHONY: soak
soak: $(STAMPS)/dev  ## the long tests: thousands of cases each, kills by the hundred, ten minutes of mixed load
	PROPTEST_CASES=20000 cargo test $(LOCKED) --release --workspace --exclude vicinal-python
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest --timeout 3600 $(PYTEST_ARGS)

# Of a nightly toolchain only the compiler is needed; what was learned stays in fuzz/corpus.
.PHONY: fuzz
fuzz: fuzz/corpus/bytes  ## hostile files for the reader, FUZZ_SECONDS=300 for each of two targets (nightly Rust)
	@cargo +nightly fuzz --version >/dev/null 2>&1 || { \
	    echo "Fuzzing needs: rustup toolchain install nightly && cargo install --locked cargo-fuzz"; exit 1; }
	cargo +nightly fuzz run rows -- -max_total_time=$(FUZZ_SECONDS) -len_control=0
	cargo +nightly fuzz run bytes -- -max_total_time=$(FUZZ_SECONDS) -max_len=65537

# The standard library is built anew, so that its locks are seen too; the kernels are the scalar ones,
# since the sanitizer does not see loads of more than 16 bytes. One test of many vectors is left
# out: under the sanitizer it takes ten minutes and more, and it shares nothing that the others don't.
.PHONY: tsan
tsan:  ## ThreadSanitizer over what threads share (nightly Rust with rust-src)
	@rustup component list --toolchain nightly --installed 2>/dev/null | grep -q '^rust-src' || { \
	    echo "ThreadSanitizer needs: rustup toolchain install nightly --component rust-src"; exit 1; }
	VICINAL_ISA=scalar RUSTFLAGS=-Zsanitizer=thread cargo +nightly test $(LOCKED) -Zbuild-std \
	    --target $$(rustc -vV | sed -n 's/^host: //p') -p vicinal-core \
	    --test graph --test row_on_threads --test stress -- --skip inner_product_stays_navigable

# The golden files, each behind a byte that asks for right sums.
fuzz/corpus/bytes: $(wildcard tests/golden/[13]/*.vicinal)
	@mkdir -p $@
	@for file in $^; do { printf '\001'; cat $$file; } >$@/$$(basename $$(dirname $$file))-$$(basename $$file); done
	@touch $@

##@ Measuring

.PHONY: bench
bench: $(STAMPS)/dev  ## Vicinal beside its peers: tables and curves in bench/results (BENCH_ARGS="--against hnswlib")
	$(BIN)/python bench/run.py $(BENCH_ARGS)

.PHONY: bench-exact
bench-exact: $(STAMPS)/dev  ## exact search beside FAISS and beside what the machine allows
	$(BIN)/python bench/exact.py $(BENCH_ARGS)

.PHONY: bench-knobs
bench-knobs: $(STAMPS)/dev  ## what M, ef_construction and ef_search do (BENCH_ARGS="vectors.npy --rows 50000")
	$(BIN)/python bench/knobs.py $(BENCH_ARGS)

.PHONY: bench-certify
bench-certify: $(STAMPS)/dev  ## certified search beside exact search, every certificate checked
	$(BIN)/python bench/certify.py $(BENCH_ARGS)

.PHONY: bench-kernels
bench-kernels:  ## each kernel on this machine, beside what the machine allows (BENCH_ARGS="--dim 384")
	cargo run $(LOCKED) --release -p vicinal-kernels --example kernels -- $(BENCH_ARGS)

##@ Making

.PHONY: docs
docs: $(STAMPS)/dev  ## the documentation as a site in site/, refusing broken links
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict --quiet
	@echo site/index.html

.PHONY: figures
figures: $(STAMPS)/dev  ## redraw the figures of the documentation
	$(BIN)/python docs/figures.py

.PHONY: screens
screens: $(STAMPS)/dev  ## take the pictures of maps anew, with the system's Chromium
	$(BIN)/python docs/map_picture.py

.PHONY: cli-reference
cli-reference: $(STAMPS)/dev  ## rewrite docs/reference/cli.md from the commands' own help
	$(BIN)/python docs/cli_reference.py

.PHONY: golden
golden: $(STAMPS)/dev  ## the golden snapshots and databases of the present formats that are not there yet
	cargo run $(LOCKED) --quiet --package vicinal-core --example golden
	$(BIN)/python tests/golden_databases.py

.PHONY: wheel
wheel: $(STAMPS)/dev  ## a wheel in dist/, for Python 3.10 and every later one
	$(BIN)/maturin build $(LOCKED) --release --out dist

.PHONY: clean
clean:  ## remove what the words above made, .venv included
	cargo clean
	rm -rf $(VENV) .venv-bench build dist site demo-output bench/results
	rm -rf fuzz/target fuzz/corpus fuzz/artifacts
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find python tests bench docs -name __pycache__ -prune -exec rm -rf {} +
	find python -name '*.so' -delete

# ---- what the words stand on ------------------------------------------------------------------

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	    echo "Vicinal needs Python 3.10 or newer and '$(PYTHON)' is not one: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	@cargo --version >/dev/null 2>&1 || { \
	    echo "Vicinal is built from Rust and 'cargo' is not on PATH: install a toolchain from https://rustup.rs"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@mkdir -p $(STAMPS)
	@touch $@

# The build backend lives in .venv so that rebuilding needs no network.
$(STAMPS)/backend: $(STAMPS)/venv pyproject.toml constraints.txt
	@$(BIN)/pip install --quiet --no-compile --constraint constraints.txt "$$(sed -n 's/^requires = \["\(maturin[^"]*\)"\].*/\1/p' pyproject.toml)"
	@touch $@

COMMA := ,
# Packages compile to bytecode when first imported: doing all of it ahead takes longer than the rest.
define install
	@echo "Installing vicinal[$(1)]; the extension compiles in release mode, about a minute the first time"
	@MATURIN_PEP517_ARGS="$(LOCKED)" $(BIN)/pip install --quiet --no-compile --constraint constraints.txt \
	    --no-build-isolation --editable ".[$(1)]"
	@touch $@
endef

$(STAMPS)/demo: $(STAMPS)/backend $(RUST_SOURCES)
	$(call install,cli$(COMMA)plot)

$(STAMPS)/dev: $(STAMPS)/backend $(RUST_SOURCES)
	$(call install,dev)
