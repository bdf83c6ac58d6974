#!/usr/bin/env bash
# Resolve the newest versions that pyproject.toml allows and lock them with their hashes.
# Needs uv (any installation of it); run it when a dependency changes, and commit the files.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() {
    uv pip compile pyproject.toml "$@" --universal --python-version 3.11 --generate-hashes --upgrade \
        --no-config --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet
}

lock --output-file requirements.lock
lock --extra pipeline --output-file requirements-pipeline.lock
lock --extra dev --output-file requirements-dev.lock
