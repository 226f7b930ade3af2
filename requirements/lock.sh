#!/usr/bin/env bash
# Write the lock files: every package the goals of the Makefile install, with version and hashes.
# Usage: lock.sh PIP_COMPILE (run from the project's root)
set -euo pipefail

pin() {
    "$1" --quiet --no-config --upgrade --strip-extras --generate-hashes --allow-unsafe \
        --no-header --no-emit-options --no-emit-index-url --no-emit-find-links \
        --no-emit-trusted-host "${@:2}"
}

runtime=(--constraint requirements/runtime.lock)
pin "$1" --output-file requirements/runtime.lock pyproject.toml
pin "$1" --output-file requirements/test.lock "${runtime[@]}" --extra test pyproject.toml
pin "$1" --output-file requirements/lint.lock "${runtime[@]}" --extra test --extra lint pyproject.toml
pin "$1" --output-file requirements/bench.lock "${runtime[@]}" --extra bench pyproject.toml
pin "$1" --output-file requirements/peers.lock requirements/peers.in
grep -A 3 '^\[build-system\]' pyproject.toml | grep -o 'maturin[^"]*' |
    pin "$1" --no-annotate --output-file requirements/build.lock -
