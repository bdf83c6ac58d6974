"""A profile as a script for k6."""

from __future__ import annotations

import json

from config.profile import Profile
from config.scenario_options import RAMPING, ScenarioOptions

_BODIES = {
    "identify": "http.put(`${base}`, JSON.stringify({email: 'k6@example.com', _load_test: true}), params);",
    "track": "http.post(`${base}/events`, JSON.stringify({name: 'load_test_event', data: {}}), params);",
}


def k6_script(profile: Profile) -> str:
    """Return a k6 script with the profile's scenarios, which takes its server's URL from ``BASE_URL``."""
    scenarios = {name: _k6_scenario(name, options) for name, options in profile.scenarios.items()}
    functions = [
        f"export function {name}() {{\n"
        "  const base = `${__ENV.BASE_URL}/api/v1/customers/k6-${__VU}-${__ITER}`;\n"
        # One name for all: k6 keeps a time series for each URL otherwise, and hundreds of MB.
        f"  const params = {{tags: {{name: '{options.user}'}},\n"
        "    headers: {'Content-Type': 'application/json', Authorization: 'Basic YTpi'}};\n"
        f"  {_BODIES[options.user]}\n  sleep({options.pause});\n}}\n"
        for name, options in profile.scenarios.items()
    ]
    return (
        "import http from 'k6/http';\nimport { sleep } from 'k6';\n"
        f"export const options = {{scenarios: {json.dumps(scenarios)}}};\n" + "".join(functions)
    )


def _k6_scenario(name: str, options: ScenarioOptions) -> dict[str, object]:
    return {
        # A constant rate is a stage that stays where it began.
        "executor": RAMPING,
        "exec": name,
        "startRate": round(options.start_rate),
        "timeUnit": f"{round(options.time_unit * 1000)}ms",
        "preAllocatedVUs": options.pre_allocated_vus,
        "stages": [
            {"target": round(stage.target), "duration": f"{round(stage.duration * 1000)}ms"}
            for stage in options.stages
        ],
    }
