# Needs a Rust toolchain, Python 3 and, for the first build, the network of crates.io and PyPI.

CARGO ?= cargo
VENV  := target/venv
DATA  ?=
KEEP  ?=

.PHONY: build test test-interop lint deny demo demo-trial test-pkcs11 bench doc clean

build:
	$(CARGO) build --workspace --all-targets

# Every test: unit, property, crash, whole-system, and the independent verifier.
test: build $(VENV)/installed
	$(VENV)/bin/python tests/independent/test_vectors.py
	$(VENV)/bin/python tests/independent/test_timestamps.py
	$(CARGO) test --workspace --no-fail-fast

# A second verifier in Python, which shares no code with ours.
$(VENV)/installed: tests/independent/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# Programs that others wrote against a live notary; needs Go, Node and Python, and their registries once.
test-interop: build
	python3 tests/interop/run.py --bin $${CARGO_TARGET_DIR:-target}/debug

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# Needs cargo-deny; advisories need the network of the advisory database.
deny:
	$(CARGO) deny check

# The main job from end to end: DATA=DIR notarizes your own files, KEEP=DIR keeps everything.
demo:
	$(CARGO) build --release -p trialseal-server -p trialseal-cli
	@DATA='$(DATA)' KEEP='$(KEEP)' BIN=target/release tests/demo.sh

# A whole trial, told to a notary whose clock the story sets: KEEP=DIR keeps everything, DATA=DIR has real files.
demo-trial:
	$(CARGO) build -p trialseal-cli
	@KEEP='$(KEEP)' $(if $(DATA),TRIALSEAL_DATA='$(DATA)') $(CARGO) run -p trialseal-tests --example demo_trial

# A log whose key is in a token, with SoftHSM2, which is installed where that is possible. Says NOT RUN without it.
test-pkcs11:
	@command -v softhsm2-util >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get install --yes --no-install-recommends softhsm2; } || true
	$(CARGO) build -p trialseal-server --features pkcs11
	$(CARGO) test -p trialseal-tests --test pkcs11 -- --nocapture

bench:
	$(CARGO) build --release -p trialseal-server -p trialseal-benches
	$(CARGO) run --release -p trialseal-benches

doc:
	$(CARGO) doc --workspace --no-deps

clean:
	$(CARGO) clean
