#!/usr/bin/env bash
# Delete the people that a load test has created. --help shows the arguments.
#
#   scripts/cleanup.sh RUN_ID --dry-run     who would be deleted
#   scripts/cleanup.sh RUN_ID               the people of one run; run it again to go on
#   scripts/cleanup.sh --all-load-test      those of all runs
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
# shellcheck source=scripts/bootstrap.sh
source "$root/scripts/bootstrap.sh"
run_module requirements-pipeline.lock cleanup "$@"
