#!/usr/bin/env bash
# Say what differs between two runs by more than noise. --help shows the arguments.
#
#   scripts/compare.sh results/RUN_A results/RUN_B                        B is the newer run
#   scripts/compare.sh results/RUN_A results/RUN_B --max-regression 10%   as an exit code
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
# shellcheck source=scripts/bootstrap.sh
source "$root/scripts/bootstrap.sh"
run_module requirements.lock report.compare "$@"
