"""Made-up people: reproducible, unique over runs, and never reachable by mail."""

from __future__ import annotations

from run.made_up_people import USUAL_SEED, made_up_people, people_by_faker
from users.people import POOL_SIZE, PeoplePool


def test_the_same_seed_makes_the_same_people() -> None:
    one, same, other = (PeoplePool("r", made_up_people(seed)) for seed in (1, 1, 2))
    assert [one.attributes_of(n) for n in range(20)] == [same.attributes_of(n) for n in range(20)]
    assert [one.attributes_of(n) for n in range(20)] != [other.attributes_of(n) for n in range(20)]


def test_the_kept_people_are_those_of_the_usual_seed() -> None:
    """After an upgrade of Faker, ``python -m run.made_up_people`` writes them anew."""
    assert made_up_people(USUAL_SEED) == people_by_faker(USUAL_SEED)


def test_ids_and_addresses_are_unique_over_numbers_and_runs() -> None:
    pools = [PeoplePool("run-a", made_up_people(seed=1)), PeoplePool("run-b", made_up_people(seed=1))]
    numbers = range(1, 2 * POOL_SIZE + 1)
    assert len({pool.id_of(n) for pool in pools for n in numbers}) == 2 * len(numbers)
    assert len({pool.attributes_of(n)["email"] for pool in pools for n in numbers}) == 2 * len(numbers)


def test_every_person_carries_the_marks_of_a_load_test() -> None:
    person = PeoplePool("run-a", made_up_people(seed=1)).attributes_of(7)
    assert person["_load_test"] is True
    assert person["_load_test_run"] == "run-a"
    assert person["email"] == "load-test-run-a-7@example.com"


def test_with_a_budget_people_repeat_with_their_addresses() -> None:
    pool = PeoplePool("run-a", made_up_people(seed=1), budget=3)
    assert [pool.id_of(n) for n in (1, 3, 4)] == ["load-test-pool-1", "load-test-pool-3", "load-test-pool-1"]
    assert pool.attributes_of(4)["email"] == "load-test-pool-1@example.com"
    assert pool.attributes_of(4)["_load_test_run"] == "run-a"
