#!/usr/bin/env bash
# Lock the newest versions that pyproject.toml allows, with their hashes.
# It needs uv. Run it when a dependency changes, and commit the lock files.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() {
    uv pip compile pyproject.toml "$@" --universal --python-version 3.11 --generate-hashes --upgrade \
        --no-config --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet
}

lock --output-file requirements.lock
lock --extra pipeline --output-file requirements-pipeline.lock
lock --extra dev --output-file requirements-dev.lock
