#!/usr/bin/env bash
# Run the load test; --help shows the arguments. Without credentials the target is a stand-in on this machine.
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

# OpenTelemetry's packages are for who sends to it.
case " ${LOAD_TEST_OUT:-} $* " in
    *[\ ,=]otel[\ ,]*) (cd "$root" && bootstrap requirements-otel.lock) ;;
esac

mode=(--headless)
for argument in "$@"; do
    case "$argument" in --ui) mode=() ;; esac
done
# Locust logs so much that the load test's own lines are hard to find. --loglevel INFO shows Locust's lines too.
export LOCUST_LOGLEVEL="${LOCUST_LOGLEVEL:-WARNING}"
export LOCUST_LOCUSTFILE="${LOCUST_LOCUSTFILE:-$root/locustfile.py}"
run_module "$lock_file" engine ${mode[@]+"${mode[@]}"} "$@"
