#!/usr/bin/env bash
# Start the stand-in for Customer.io alone. --help shows the arguments.
#
#   scripts/stand-in.sh --port 8080
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
# shellcheck source=scripts/bootstrap.sh
source "$root/scripts/bootstrap.sh"
run_module requirements.lock standin "$@"
