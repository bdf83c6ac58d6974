"""The ids of load tests' people: arithmetic on numbers, and a record from which a clean-up knows them all."""

from __future__ import annotations

import dataclasses
import json

import pytest

from config.customerio.account import Account
from config.load_test_people import PersonIds, has_mark
from config.people_record import PeopleRecord

RECORD = PeopleRecord("20261127-1200-ab", "https://track.customer.io", "3", 5, None)


def test_without_a_budget_each_number_is_a_person_of_the_run() -> None:
    ids = PersonIds("run-a")
    assert [ids.id_of(number) for number in (1, 2, 1001)] == [
        "load-test-run-a-1", "load-test-run-a-2", "load-test-run-a-1001",
    ]  # fmt: skip


def test_with_a_budget_the_people_are_the_same_in_every_run() -> None:
    first, second = PersonIds("run-a", 3), PersonIds("run-b", 3)
    expected = [f"load-test-pool-{number}" for number in (1, 2, 3, 1, 2, 3, 1)]
    assert [first.id_of(number) for number in range(1, 8)] == expected
    assert [second.id_of(number) for number in range(1, 8)] == expected
    assert [first.number_of(number) for number in range(1, 8)] == [1, 2, 3, 1, 2, 3, 1]


@pytest.mark.parametrize("budget", [None, 1, 4, 5, 9])
def test_a_record_has_exactly_the_ids_that_its_run_can_send(budget: int | None) -> None:
    record = dataclasses.replace(RECORD, budget=budget)
    ids = PersonIds(record.run_id, budget)
    assert list(record.ids()) == list(dict.fromkeys(ids.id_of(number) for number in range(1, 6)))
    assert record.count == len(list(record.ids()))


def test_a_record_can_be_gone_through_from_any_position() -> None:
    record = dataclasses.replace(RECORD, further_ids=("load-test-r1-first",))
    everybody = list(record.ids())
    assert everybody[-1] == "load-test-r1-first"
    assert [list(record.ids(start)) for start in range(8)] == [everybody[start:] for start in range(8)]


def test_a_record_survives_its_file() -> None:
    record = dataclasses.replace(RECORD, budget=3, environment_id=None, further_ids=("load-test-r1-first",))
    assert PeopleRecord.from_json(record.to_json()) == record


@pytest.mark.parametrize(
    "change", [{"people": -1}, {"people": "5"}, {"run_id": "../x"}, {"budget": 0}, {"more": 1}], ids=str
)
def test_a_damaged_record_is_refused(change: dict[str, object]) -> None:
    text = json.dumps({**json.loads(RECORD.to_json()), **change})
    with pytest.raises(ValueError, match=f"{next(iter(change))}: "):
        PeopleRecord.from_json(text)


@pytest.mark.parametrize(
    ("person_id", "is_ours"),
    [
        ("load-test-pool-7", True),
        ("load-test-20261127-1200-ab-43800", True),
        ("load-test-r1-first", True),
        ("load-test-", False),
        ("load-test-7", False),
        ("my-load-test-pool-7", False),
        ("load-test-pool-7\n", False),
        ("load-test-pool-7/events", False),
        ("ada", False),
    ],
)
def test_ids_without_the_mark_are_told_apart(person_id: str, is_ours: bool) -> None:
    assert has_mark(person_id) is is_ours


def test_a_record_with_somebody_elses_id_is_not_gone_through() -> None:
    with pytest.raises(ValueError, match="an id that does not begin with load-test-"):
        list(dataclasses.replace(RECORD, further_ids=("ada",)).ids())


@pytest.mark.parametrize(
    ("body", "account"),
    [
        (b'{"url":"https://track.customer.io","region":"us","environment_id":3}', Account("3", "us")),
        (b'{"region":"eu","environment_id":"e-7"}', Account("e-7", "eu")),
        (b'{"environment_id":3}', Account("3", None)),
        (b'{"region":"us"}', None),
        (b'{"environment_id":true}', None),
        (b'{"environment_id":" "}', None),
        (b"[3]", None),
        (b"<html>", None),
    ],
)
def test_the_account_in_an_answer(body: bytes, account: Account | None) -> None:
    assert Account.from_answer(body) == account


def test_objects_are_in_the_record_too() -> None:
    record = dataclasses.replace(RECORD, objects=2)
    assert list(record.object_ids()) == [
        "load-test-20261127-1200-ab-company-1", "load-test-20261127-1200-ab-company-2",
    ]  # fmt: skip
    pooled = dataclasses.replace(record, budget=3)
    assert list(pooled.object_ids()) == ["load-test-pool-company-1", "load-test-pool-company-2"]
