#!/usr/bin/env bash
# Runs the load test; every argument goes on to Locust. Without credentials it loads a local stand-in.
#
#   scripts/run-load-test.sh                        ten minutes of the default profile
#   scripts/run-load-test.sh --time-scale 0.1       the same rates in a tenth of the time
#   scripts/run-load-test.sh --ui                   in the browser, at http://localhost:8089
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/bootstrap.sh
source scripts/bootstrap.sh
bootstrap requirements.lock

mode=(--headless)
arguments=()
for argument in "$@"; do
    case "$argument" in
        --ui) mode=() ;;
        *) arguments+=("$argument") ;;
    esac
done
# What Locust says of its own workings would bury what the run says; an argument brings it back.
export LOCUST_LOGLEVEL="${LOCUST_LOGLEVEL:-WARNING}"
if [ ${#mode[@]} -eq 0 ]; then
    echo "Open http://localhost:${LOCUST_WEB_PORT:-8089} in a browser (Ctrl-C ends it)" >&2
fi
exec .venv/bin/locust ${mode[@]+"${mode[@]}"} ${arguments[@]+"${arguments[@]}"}
