#!/usr/bin/env bash
# Runs the delivery pipeline's worker; every argument goes on to it. It delivers to the workspace of .env.
#
#   scripts/run-worker.sh --standin --from examples/events.jsonl    try it: to a local stand-in
#   scripts/run-worker.sh --from events.jsonl                       a file's lines, and end
#   scripts/run-worker.sh                                           a Kafka topic, until it is stopped
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
# shellcheck source=scripts/bootstrap.sh
source "$root/scripts/bootstrap.sh"
(cd "$root" && bootstrap requirements-pipeline.lock)

# Paths among the arguments are the caller's own; the code is found from anywhere.
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "$root/.venv/bin/python" -m pipeline.worker "$@"
