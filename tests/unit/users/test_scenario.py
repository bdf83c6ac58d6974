"""What a scenario's options describe, and what is read back from a run's folder, are the same schedule."""

from __future__ import annotations

import pytest

from config.profile import load_profile
from config.profile_names import profile_names
from report.json_object import JsonObject
from report.scenarios import planned_scenarios
from shapes.rate_options import schedule_of


@pytest.mark.parametrize("name", profile_names())
def test_a_dumped_profile_gives_the_schedule_that_was_run(name: str) -> None:
    written = load_profile(name)
    for planned in planned_scenarios(JsonObject(written.model_dump(mode="json"))):
        schedule = schedule_of(written.scenarios[planned.name])
        assert planned.schedule.total == schedule.total
        assert planned.due_by(planned.ends_at) == schedule.total
        assert planned.due_by(planned.start_time) == 0
