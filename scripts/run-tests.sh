#!/usr/bin/env bash
# Check style and types and run the tests. Other arguments go to pytest.
#
#   scripts/run-tests.sh                                everything
#   scripts/run-tests.sh --fast                         style, types, unit tests: no browser, database or broker
#   scripts/run-tests.sh tests/unit/pipeline -k name    these tests only
set -euo pipefail
# shellcheck source=scripts/own_help.sh
source "$(dirname "$0")/own_help.sh"
cd "$(dirname "$0")/.."
# shellcheck source=scripts/bootstrap.sh
source scripts/bootstrap.sh
bootstrap requirements-dev.lock

run_tests() {
    exec .venv/bin/python scripts/run_tests.py "$@"
}
for argument in "$@"; do
    # Unit tests need nothing but Python.
    case "$argument" in --fast | tests/unit/*) run_tests "$@" ;; esac
done

# The web UI is tested in a real browser.
command -v chromium >/dev/null && command -v chromedriver >/dev/null || install_packages chromium chromium-driver

# Its "config" command reads the compose file as users' tools do; no engine is needed.
command -v docker-compose >/dev/null || install_packages docker-compose

# Samples are written to real databases: InfluxDB 1, and one that takes InfluxDB 2's protocol.
command -v influxd >/dev/null || install_packages influxdb
command -v victoria-metrics >/dev/null || install_packages victoria-metrics

# Workers share their rate limit through a real Redis; the Kafka-compatible broker comes with the locked packages.
command -v redis-server >/dev/null || install_packages redis-server

# The official clients for Node, at their locked versions. Node itself comes with the locked packages.
install_node_clients() {
    local place=.venv/node
    cmp -s tests/node/package-lock.json $place/package-lock.json && return
    mkdir -p $place
    cp tests/node/package.json tests/node/package-lock.json $place/
    PATH="$PWD/.venv/bin:$PATH" npm --prefix "$(cd $place && pwd -P)" ci --ignore-scripts --no-audit --no-fund --loglevel error >&2 && return
    rm $place/package-lock.json
    fail "cannot install the clients for Node; npm's message is above"
}
install_node_clients

run_tests "$@"
