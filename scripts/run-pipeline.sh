#!/usr/bin/env bash
# Runs the delivery pipeline: worker, produce or dlq, with the rest of the arguments.
#
#   scripts/run-pipeline.sh worker --standin --from examples/events.jsonl    try it: to a local stand-in
#   scripts/run-pipeline.sh worker --from events.jsonl                       a file's lines, and end
#   scripts/run-pipeline.sh worker                                           a Kafka topic, until it is stopped
#   scripts/run-pipeline.sh produce --help                                   fills a topic
#   scripts/run-pipeline.sh dlq --help                                       dead letters
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
# shellcheck source=scripts/bootstrap.sh
source "$root/scripts/bootstrap.sh"
case "${1:-}" in
    worker | produce | dlq) ;;
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *) fail "expected worker, produce or dlq, got '${1:-}'" ;;
esac
(cd "$root" && bootstrap requirements-pipeline.lock)

# Paths among the arguments are the caller's own; the code is found from anywhere.
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
command="$1"
shift
exec "$root/.venv/bin/python" -m "pipeline.$command" "$@"
