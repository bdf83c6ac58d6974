#!/usr/bin/env bash
# Lock what pyproject.toml asks for, every version with its hashes. Needs uv (any installation of it).
#
#   scripts/lock.sh              after a change of pyproject.toml: all other versions stay as they are
#   scripts/lock.sh --upgrade    the newest versions that pyproject.toml allows
set -euo pipefail
# shellcheck source=scripts/own_help.sh
source "$(dirname "$0")/own_help.sh"
cd "$(dirname "$0")/.."

lock() {
    uv pip compile "$@" --universal --python-version 3.11 --generate-hashes \
        --no-config --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet
}

lock pyproject.toml "$@" --output-file requirements.lock
lock pyproject.toml "$@" --extra pipeline --output-file requirements-pipeline.lock
lock pyproject.toml "$@" --extra dev --output-file requirements-dev.lock
# What these have is what the tests ran with.
lock pyproject.toml --extra otel --constraint requirements-dev.lock --output-file requirements-otel.lock
lock --group pipeline-image --constraint requirements-pipeline.lock --output-file requirements-pipeline-image.lock
