#!/usr/bin/env bash
# Write the HTML report of a run again. --help shows the arguments.
#
#   scripts/report.sh results/RUN                     into the folder of the run
#   scripts/report.sh results/RUN --output run.html   elsewhere
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
# shellcheck source=scripts/bootstrap.sh
source "$root/scripts/bootstrap.sh"
run_module requirements.lock report "$@"
