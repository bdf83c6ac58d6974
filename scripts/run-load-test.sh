#!/usr/bin/env bash
# Runs the load test; every argument goes on to Locust. Without credentials it loads a local stand-in.
#
#   scripts/run-load-test.sh                        nine minutes of the default profile
#   scripts/run-load-test.sh --time-scale 0.1       the same rates in a tenth of the time
#   scripts/run-load-test.sh --ui                   in the browser, at http://localhost:8089
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
# shellcheck source=scripts/bootstrap.sh
source "$root/scripts/bootstrap.sh"
(cd "$root" && bootstrap requirements.lock)

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
export LOCUST_LOCUSTFILE="${LOCUST_LOCUSTFILE:-$root/locustfile.py}"
# Paths among the arguments are the caller's own; the code is found from anywhere.
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "$root/.venv/bin/python" -m locust ${mode[@]+"${mode[@]}"} ${arguments[@]+"${arguments[@]}"}
