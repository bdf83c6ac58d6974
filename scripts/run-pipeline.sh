#!/usr/bin/env bash
# Run a command of the delivery pipeline: worker, produce, dlq, plan or rehearse. The other arguments go to it.
#
#   scripts/run-pipeline.sh worker --standin --from examples/events.jsonl    try it: deliver to a local stand-in
#   scripts/run-pipeline.sh worker --from events.jsonl                       deliver the lines of a file, then end
#   scripts/run-pipeline.sh worker                                           deliver a Kafka topic until stopped
#   scripts/run-pipeline.sh produce --help                                   fill a topic
#   scripts/run-pipeline.sh dlq --help                                       list, replay or purge dead letters
#   scripts/run-pipeline.sh plan --events-per-day 8M                         say what a volume of events needs
#   scripts/run-pipeline.sh rehearse --help                                  let an autoscaler scale real workers
set -euo pipefail
# shellcheck source=scripts/own_help.sh
source "$(dirname "$0")/own_help.sh"
root="$(cd "$(dirname "$0")/.." && pwd)"
# shellcheck source=scripts/bootstrap.sh
source "$root/scripts/bootstrap.sh"
case "${1:-}" in
    worker | produce | dlq | plan | rehearse) ;;
    *) fail "expected worker, produce, dlq, plan or rehearse, got '${1:-}'" ;;
esac
command="$1"
shift
run_module requirements-pipeline.lock "pipeline.$command" "$@"
