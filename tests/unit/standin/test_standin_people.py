"""The store of people and events."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from config.customerio.limits import limit
from standin.people import PeopleStore
from standin.person import EVENT_NAMES_PER_PERSON, Identifier, identifier, identifier_in_path

# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ADA = identifier("id", "ada")
BOB = identifier("id", "bob")
ADDRESS = identifier("email", "ada@example.com")


def attributes_of(people: PeopleStore, who: Identifier) -> dict[str, Any]:
    person = people.find(who)
    assert person is not None
    return person.attributes


def test_identifiers_are_told_apart_by_their_shape() -> None:
    assert identifier_in_path("42") == ("id", "42")
    assert identifier_in_path("Ada@Example.com") == ("email", "ada@example.com")
    assert identifier_in_path("cio_0300") == ("cio_id", "0300")


def test_identify_adds_and_then_updates() -> None:
    people = PeopleStore()
    people.identify(ADA, {"plan": "basic", "city": "London"})
    people.identify(ADA, {"plan": "premium", "city": ""})

    assert len(people) == people.people_created == 1
    assert attributes_of(people, ADA) == {"plan": "premium"}


def test_people_with_the_same_attributes_hold_them_once_and_change_them_apart() -> None:
    people = PeopleStore()
    for who in (ADA, BOB):
        # Joined, so that the two are not one constant of this file.
        people.identify(who, {"plan": "-".join(["very", "basic"]), "city": "London"})
    ada, bob = attributes_of(people, ADA), attributes_of(people, BOB)
    assert ada["plan"] is bob["plan"]

    people.identify(ADA, {"plan": "premium", "city": "", "age": 36})

    assert attributes_of(people, ADA) == {"plan": "premium", "age": 36}
    assert attributes_of(people, BOB) == {"plan": "very-basic", "city": "London"}


def test_update_only_never_creates() -> None:
    people = PeopleStore()
    people.identify(ADA, {"plan": "basic"}, update_only=True)
    people.record_event(BOB, "buy")
    people.identify(BOB, {"plan": "basic"}, update_only=True)

    assert len(people) == 1
    assert attributes_of(people, BOB) == {"plan": "basic"}


def test_a_new_id_with_a_known_address_is_the_person_who_has_the_address() -> None:
    people = PeopleStore()
    people.identify(BOB, {"email": "ADA@example.com", "plan": "basic"})
    people.identify(ADA, {"email": "ada@example.com", "city": "London"})

    assert len(people) == 1
    assert people.find(BOB) is None
    assert people.find(ADA) is people.find(ADDRESS)
    assert attributes_of(people, ADA) == {"plan": "basic", "city": "London"}


def test_an_address_of_somebody_else_is_not_taken_over() -> None:
    people = PeopleStore()
    people.identify(ADA, {"email": "ada@example.com"})
    people.identify(BOB, {"city": "Paris"})
    people.identify(BOB, {"email": "ada@example.com", "city": "London"})

    assert len(people) == 2
    assert people.find(ADDRESS) is people.find(ADA)
    assert attributes_of(people, BOB) == {"city": "London"}


def test_a_set_address_changes_only_by_cio_id() -> None:
    people = PeopleStore()
    people.identify(ADA, {"email": "ada@example.com"})
    people.identify(ADA, {"email": "new@example.com"})
    assert people.find(identifier("email", "new@example.com")) is None

    person = people.find(ADA)
    assert person is not None
    people.identify(Identifier("cio_id", str(person.cio_id)), {"email": "new@example.com", "id": "ada-2"})

    assert people.find(identifier("email", "new@example.com")) is person
    assert people.find(ADDRESS) is None
    assert people.find(identifier("id", "ada-2")) is person
    assert people.find(ADA) is None


def test_an_unknown_cio_id_changes_nothing() -> None:
    people = PeopleStore()
    who = Identifier("cio_id", "0300")
    people.identify(who, {"plan": "basic"})
    people.record_event(who, "buy")
    people.add_device(who, "token", "ios")

    assert (len(people), people.events) == (0, 0)


def test_suppressing_bars_all_identifiers_of_a_person_until_one_is_freed() -> None:
    people = PeopleStore()
    people.identify(ADA, {"email": "ada@example.com"})
    people.suppress(ADA)

    people.identify(ADA, {})
    people.identify(BOB, {"email": "ada@example.com"})
    people.record_event(ADDRESS, "buy")
    assert (len(people), people.events) == (0, 0)

    people.unsuppress(ADDRESS)
    people.identify(ADA, {"email": "ada@example.com"})
    assert len(people) == 1
    assert people.suppressed == 0


def test_merge_moves_what_the_primary_lacks() -> None:
    people = PeopleStore()
    people.identify(ADA, {"plan": "premium"})
    people.identify(BOB, {"plan": "basic", "city": "London"})
    people.record_event(ADA, "buy")
    people.record_event(BOB, "buy")
    people.add_device(BOB, "token", "ios")
    people.add_to_segment(7, [BOB])
    people.merge(ADA, BOB)

    person = people.find(ADA)
    assert person is not None
    assert people.find(BOB) is None
    assert person.as_json() == {
        "cio_id": "000000000001",
        "id": "ada",
        "email": None,
        "phone": None,
        "attributes": {"plan": "premium", "city": "London"},
        "events": {"buy": 2},
        "devices": {"token": "ios"},
        "segments": [7],
    }


def test_merge_without_a_primary_does_nothing() -> None:
    people = PeopleStore()
    people.identify(BOB, {"plan": "basic"})
    people.merge(ADA, BOB)
    people.merge(BOB, BOB)

    assert attributes_of(people, BOB) == {"plan": "basic"}


def test_a_person_never_has_more_attributes_than_allowed() -> None:
    people = PeopleStore()
    most = limit("attributes_per_person")
    people.identify(ADA, {f"a{number}": number for number in range(most)})
    people.identify(ADA, {f"b{number}": number for number in range(most)})
    people.identify(ADA, {"a0": "new"})

    assert len(attributes_of(people, ADA)) == most
    assert attributes_of(people, ADA)["a0"] == "new"


def test_all_events_count_beyond_the_names_that_are_kept() -> None:
    people = PeopleStore()
    for number in range(EVENT_NAMES_PER_PERSON + 10):
        people.record_event(ADA, f"event {number}")

    person = people.find(ADA)
    assert person is not None
    assert person.events is not None
    assert len(person.events) == EVENT_NAMES_PER_PERSON
    assert people.events == EVENT_NAMES_PER_PERSON + 10


@patient
@given(st.lists(st.sampled_from(["1", "2", "3", None])))
def test_an_event_id_counts_once(ids: list[str | None]) -> None:
    people = PeopleStore()
    for event_id in ids:
        people.record_event(ADA, "buy", event_id)

    distinct = len(set(ids) - {None}) + ids.count(None)
    assert people.events == distinct
    assert people.duplicates == len(ids) - distinct


class Workspace(RuleBasedStateMachine):
    """The store against a plain model: who exists, who is suppressed, how many events there are."""

    who = st.sampled_from(["1", "2", "3", "4"]).map(lambda value: identifier("id", value))

    def __init__(self) -> None:
        super().__init__()
        self.people = PeopleStore()
        self.existing: set[Identifier] = set()
        self.suppressed: set[Identifier] = set()
        self.events = 0

    @rule(who=who, update_only=st.booleans())
    def identify(self, who: Identifier, update_only: bool) -> None:
        self.people.identify(who, {"plan": "basic"}, update_only)
        if who not in self.suppressed and not update_only:
            self.existing.add(who)

    @rule(who=who)
    def track(self, who: Identifier) -> None:
        self.people.record_event(who, "buy")
        if who not in self.suppressed:
            self.existing.add(who)
            self.events += 1

    @rule(who=who)
    def delete(self, who: Identifier) -> None:
        self.people.delete(who)
        self.existing.discard(who)

    @rule(who=who)
    def suppress(self, who: Identifier) -> None:
        self.people.suppress(who)
        self.existing.discard(who)
        self.suppressed.add(who)

    @rule(who=who)
    def unsuppress(self, who: Identifier) -> None:
        self.people.unsuppress(who)
        self.suppressed.discard(who)

    @rule(primary=who, secondary=who)
    def merge(self, primary: Identifier, secondary: Identifier) -> None:
        self.people.merge(primary, secondary)
        if primary != secondary and primary in self.existing:
            self.existing.discard(secondary)

    @invariant()
    def agrees(self) -> None:
        assert len(self.people) == len(self.existing)
        assert self.people.events == self.events
        for value in ("1", "2", "3", "4"):
            who = identifier("id", value)
            assert (self.people.find(who) is not None) == (who in self.existing)
        assert {identifier("id", value) for value in self.people.ids("", 10)} == self.existing


TestWorkspace = Workspace.TestCase
TestWorkspace.settings = patient
