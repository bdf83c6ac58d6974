"""The attributes of made-up people, by Faker: made before the start, so that no Faker runs under load.

Those of the usual seed are kept in a file. ``python -m run.made_up_people`` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from users.people import POOL_SIZE

if TYPE_CHECKING:
    from faker import Faker

USUAL_SEED = 0

_KEPT = Path(__file__).with_name("made_up_people.json")
_PROVIDERS = [f"faker.providers.{name}" for name in ("person", "company", "address")]


def made_up_people(seed: int) -> Sequence[Mapping[str, Any]]:
    """Return the attributes of ``POOL_SIZE`` people. The same seed gives the same people."""
    if seed != USUAL_SEED:
        return people_by_faker(seed)
    kept: Sequence[Mapping[str, Any]] = json.loads(_KEPT.read_text(encoding="utf-8"))
    return kept


def people_by_faker(seed: int) -> Sequence[Mapping[str, Any]]:
    """Make the people of a seed."""
    # Loaded here: 45 ms and 5 MB, and making the people takes 25 ms more. Most runs have the usual seed.
    from faker import Faker

    # Unweighted: common names as often as rare ones, in 10 ms in place of 95. All providers: 15 ms more.
    faker = Faker("en_US", providers=_PROVIDERS, use_weighting=False)
    faker.seed_instance(seed)
    return [_attributes(faker) for _ in range(POOL_SIZE)]


def _attributes(faker: Faker) -> Mapping[str, Any]:
    return {
        "first_name": faker.first_name(),
        "last_name": faker.last_name(),
        "company": faker.company(),
        "city": faker.city(),
        "country": faker.country_code(),
        "plan": faker.random_element(("free", "basic", "premium")),
    }


def _keep() -> None:
    lines = ",\n".join(json.dumps(person) for person in people_by_faker(USUAL_SEED))
    _KEPT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    _keep()
