#!/usr/bin/env bash
# Run the load test. All arguments except --ui go to Locust. Without credentials the target is a local stand-in.
#
#   scripts/run-load-test.sh                        the default profile, nine minutes
#   scripts/run-load-test.sh --time-scale 0.1       the same rates in a tenth of the time
#   scripts/run-load-test.sh --ui                   in the browser, at http://localhost:8089
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
# shellcheck source=scripts/bootstrap.sh
source "$root/scripts/bootstrap.sh"
# A profile that fills the pipeline's queue needs the pipeline's packages as well.
lock_file=requirements.lock
for argument in "${LOAD_TEST_PROFILE:-}" "$@"; do
    case "$argument" in
        queued | --profile=queued) lock_file=requirements-pipeline.lock ;;
        *.toml)
            if grep -qs '^ *user *= *"queued"' "${argument#--profile=}"; then
                lock_file=requirements-pipeline.lock
            fi
            ;;
    esac
done
(cd "$root" && bootstrap "$lock_file")

mode=(--headless)
arguments=()
for argument in "$@"; do
    case "$argument" in
        --ui) mode=() ;;
        *) arguments+=("$argument") ;;
    esac
done
# Locust logs so much that the load test's own lines are hard to find. --loglevel INFO shows Locust's lines too.
export LOCUST_LOGLEVEL="${LOCUST_LOGLEVEL:-WARNING}"
export LOCUST_LOCUSTFILE="${LOCUST_LOCUSTFILE:-$root/locustfile.py}"
# Stay in the caller's directory, so that relative paths in the arguments work; PYTHONPATH finds the code.
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "$root/.venv/bin/python" -m locust ${mode[@]+"${mode[@]}"} ${arguments[@]+"${arguments[@]}"}
