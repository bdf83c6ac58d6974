#!/usr/bin/env bash
# Checks style and types and runs every test; arguments go on to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/bootstrap.sh
source scripts/bootstrap.sh
bootstrap requirements-dev.lock

# The web UI is tested in a real browser.
command -v chromium >/dev/null && command -v chromedriver >/dev/null || install_packages chromium chromium-driver

# Its "config" command reads the compose file as users' tools do; no engine is needed.
command -v docker-compose >/dev/null || install_packages docker-compose

# Samples are written to real databases: InfluxDB 1, and one that takes InfluxDB 2's protocol.
command -v influxd >/dev/null || install_packages influxdb
command -v victoria-metrics >/dev/null || install_packages victoria-metrics

# Workers share their rate limit through a real Redis; the Kafka-compatible broker comes with the locked packages.
command -v redis-server >/dev/null || install_packages redis-server

.venv/bin/ruff format --check --quiet .
.venv/bin/ruff check --quiet .
.venv/bin/mypy
exec .venv/bin/python -m pytest "$@"
