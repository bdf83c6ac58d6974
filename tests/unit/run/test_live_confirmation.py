"""The confirmation of a live run: the plan in full, and the environment's id or nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config.customerio.account import Account
from config.errors import ConfigError
from config.settings import load_settings
from run.arguments import Arguments
from run.live_confirmation import LiveConfirmation
from run.plan import plan_of
from run.preparation import Preparation, prepare
from users.kinds import Kinds, shipped_kinds

ACCOUNT = Account("4711", "eu")
SETTINGS = load_settings(
    {"CUSTOMERIO_SITE_ID": "site", "CUSTOMERIO_API_KEY": "hush-hush-secret", "CUSTOMERIO_REGION": "eu"}
)


def prepared(tmp_path: Path, profile: str = "ramping-rate", host: str | None = None) -> Preparation:
    kinds = shipped_kinds().values()
    arguments = Arguments(profile, 1.0, tmp_path, allow_live=True, people_seed=0)
    return prepare(arguments, SETTINGS, host, Kinds(kinds, kinds), is_dry=True)


def naming(preparation: Preparation, **changes: object) -> Preparation:
    return replace(preparation, arguments=replace(preparation.arguments, **changes))  # type: ignore[arg-type]


class User:
    """What a user reads, and types."""

    def __init__(self, types: str | None) -> None:
        self.read: list[str] = []
        self.asked: list[str] = []
        self._types = types
        self.confirmation = LiveConfirmation(lambda _: ACCOUNT, self.read.append, self._ask)

    def _ask(self, question: str) -> str | None:
        self.asked.append(question)
        return self._types


def test_the_plan_says_what_there_is_to_decide_by(tmp_path: Path) -> None:
    user = User("4711\n")
    assert user.confirmation.confirm(prepared(tmp_path)) == ACCOUNT
    text = "\n".join(user.read)
    for words in (
        "LIVE WORKSPACE: environment 4711, region EU, at https://track-eu.customer.io",
        "Key       works",
        "Length    9m, and up to 30s",
        "Requests  87600, peak 200/s",
        "peak 200/s is 20% of 1000 requests/s per workspace",
        "peak 200/s is 200% of 100 requests/s per workspace",
        "up to 1000, load-test-pool-1 to load-test-pool-1000: the same ones in every run",
        "up to $9.00 if all are new and above the plan: $0.009 for each person or object above",
        "identify_load: campaigns on attributes and segments",
        "track_load: campaigns on the event",
        "Events    may trigger campaigns; --event-age 73h",
        "errors above 0.1, 429 responses above 0.05, p(95) above 5s, each over the last 10s; or a file STOP",
    ):
        assert words in text
    assert "hush" not in text


def test_events_of_three_days_ago_trigger_nothing(tmp_path: Path) -> None:
    user = User("4711")
    user.confirmation.confirm(naming(prepared(tmp_path), event_age_seconds=73 * 3600.0))
    assert "  Events    dated 73h back: they trigger no campaign" in user.read


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        (None, "expected the id of the live environment, 4711, as there is no terminal to type it"),
        ("", "the live environment is 4711, not ''"),
        ("yes\n", "the live environment is 4711, not 'yes'"),
    ],
    ids=["nobody", "ctrl-c", "another-word"],
)
def test_anything_but_the_id_is_a_mistake(tmp_path: Path, typed: str | None, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        User(typed).confirmation.confirm(prepared(tmp_path))


def test_who_gives_the_id_as_an_argument_is_not_asked(tmp_path: Path) -> None:
    user = User(None)
    assert user.confirmation.confirm(naming(prepared(tmp_path), confirm_live="4711")) == ACCOUNT
    with pytest.raises(ConfigError, match="not '12'"):
        user.confirmation.confirm(naming(prepared(tmp_path), confirm_live="12"))
    assert user.asked == []


def test_a_page_gets_the_reason_in_one_line(tmp_path: Path) -> None:
    user = User("4711")
    problem = user.confirmation.problem(prepared(tmp_path))
    assert problem is not None
    assert problem.startswith("https://track-eu.customer.io is a live workspace (2 scenarios, 9m, 87600 req")
    assert "expected the id of the live environment, 4711, in the form's field for it" in problem
    assert user.confirmation.problem(naming(prepared(tmp_path), confirm_live="4711")) is None
    assert user.asked == user.read == []


def test_a_stand_in_needs_no_confirmation_no_budget_and_no_switch(tmp_path: Path) -> None:
    preparation = prepared(tmp_path, host="http://127.0.0.1:1")
    user = User(None)
    assert user.confirmation.confirm(preparation) is None
    assert user.confirmation.problem(preparation) is None
    assert user.read == []
    assert (preparation.people_budget, preparation.abort_bounds) == (None, None)
    assert preparation.plan.people == 43_800


def test_the_record_of_a_live_run_is_its_pool(tmp_path: Path) -> None:
    record = prepared(tmp_path).people_record("r1", "https://track-eu.customer.io", "4711")
    assert (record.people, record.budget, record.count) == (43_800, 1000, 1000)


def test_objects_are_bounded_and_paid_for_as_people_are(tmp_path: Path) -> None:
    user = User("4711")
    preparation = prepared(tmp_path, "object")
    assert preparation.people_record("r1", "https://track-eu.customer.io", "4711").objects == 20
    assert plan_of(preparation.profile, preparation.user_classes, people_budget=25).objects == 3
    user.confirmation.confirm(preparation)
    assert "  Objects   up to 20, which cost what people do" in user.read
    assert any(line.startswith("  Cost      up to $1.98 if all are new") for line in user.read)


def test_a_queues_first_message_is_in_the_record_too(tmp_path: Path) -> None:
    preparation = prepared(tmp_path, "queued", "http://127.0.0.1:1")
    record = preparation.people_record("r1", "http://127.0.0.1:1", None)
    assert record.count == preparation.plan.people + 1
    assert list(record.ids(record.count - 1)) == ["load-test-r1-first"]
