"""Compares what a schedule's messages were to become with the stand-in's journal and the dead letters."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests.proofs.fault_schedules import PlannedMessage, Schedule

#: A line of the journal, as ``standin.journal`` describes it.
Entry = Mapping[str, Any]


def applied_numbers(schedule: Schedule, journal: Iterable[Entry]) -> list[int]:
    """Return the numbers of this schedule's messages in the order in which they were applied."""
    return [number for number, _ in _of_schedule(schedule, journal)]


def judge(schedule: Schedule, journal: Iterable[Entry], letters: Iterable[bytes | None]) -> list[str]:
    """Return a line for everything that is wrong with the end of a run; none if all is right.

    Args:
        schedule: of the run.
        journal: of the stand-in; entries of other schedules are left out.
        letters: the values of the dead letters.
    """
    entries = list(_of_schedule(schedule, journal))
    applied = {number for number, _ in entries}
    return [
        *_named("lost", schedule.numbers("good") - applied),
        *_named("applied, and to be a dead letter", applied - schedule.numbers("good")),
        *_wrong_content(schedule, entries),
        *_disorder(schedule, entries),
        *_differing_ids(entries),
        *_wrong_letters(schedule, letters),
    ]


def unsettled(
    schedule: Schedule, counted: Iterable[int], journal: Iterable[Entry], letters: Iterable[bytes | None]
) -> list[str]:
    """Return a line for messages that the pipeline counts as settled and that are not.

    Args:
        schedule: of the run.
        counted: numbers of the messages before the committed offset or the position.
        journal, letters: read after the offset or the position.
    """
    safe = set(applied_numbers(schedule, journal))
    values = set(letters)
    safe |= {message.number for message in schedule.messages if message.value in values}
    return _named("counted as settled, and neither delivered nor a dead letter", set(counted) - safe)


def _of_schedule(schedule: Schedule, journal: Iterable[Entry]) -> Iterable[tuple[int, Entry]]:
    for entry in journal:
        if not str(entry["person"]).startswith(schedule.prefix):
            continue
        attributes = entry["attributes"] or {}
        if entry["operation"] == "add_device":
            yield int(attributes["device_id"].rpartition(" ")[2]), entry
        elif "n" in attributes:  # a harmless write has no number
            yield attributes["n"], entry


def _wrong_content(schedule: Schedule, entries: list[tuple[int, Entry]]) -> list[str]:
    wrong = {
        number
        for number, entry in entries
        if (entry["operation"], entry["person"])
        != (schedule.messages[number].kind, schedule.messages[number].key)
    }
    return _named("applied as another operation, or to another person", wrong)


def _disorder(schedule: Schedule, entries: list[tuple[int, Entry]]) -> list[str]:
    """First deliveries count: a redelivery repeats the sequence from an earlier message on."""
    highest: dict[str, int] = {}
    seen: set[int] = set()
    lines = []
    latest_identify: dict[str, int] = {}
    for number, entry in entries:
        key = schedule.messages[number].key
        if entry["operation"] == "identify":
            latest_identify[key] = number
        if number in seen:
            continue
        seen.add(number)
        if number < highest.get(key, -1):
            lines.append(f"out of order: {key}: {number} after {highest[key]}")
        highest[key] = number
    for key, number in latest_identify.items():
        last = max(message.number for message in _identifies(schedule, key))
        if number != last:
            lines.append(f"out of order: {key} ends as of {number}, not {last}")
    return lines


def _identifies(schedule: Schedule, key: str) -> Iterable[PlannedMessage]:
    return (
        message
        for message in schedule.messages
        if (message.key, message.kind, message.fate) == (key, "identify", "good")
    )


def _differing_ids(entries: list[tuple[int, Entry]]) -> list[str]:
    ids: dict[int, set[str | None]] = {}
    for number, entry in entries:
        if entry["operation"] == "event":
            ids.setdefault(number, set()).add(entry["event_id"])
    wrong = {number for number, found in ids.items() if len(found) > 1 or None in found}
    return _named("delivered again under another id, or without one", wrong)


def _wrong_letters(schedule: Schedule, letters: Iterable[bytes | None]) -> list[str]:
    found = Counter(letters)
    expected = {message.value: message.number for message in schedule.messages if message.fate != "good"}
    missing = {number for value, number in expected.items() if value not in found}
    strange = sum(count for value, count in found.items() if value not in expected)
    lines = _named("without a dead letter", missing)
    good = {message.value: message.number for message in schedule.messages if message.fate == "good"}
    lines += _named("a dead letter, and to be delivered", {good[v] for v in found if v in good})
    if unknown := strange - sum(count for value, count in found.items() if value in good):
        lines.append(f"{unknown} dead letters of no message")
    # A file's are written once; a topic's may be written again after a redelivery.
    twice = {expected[value] for value, count in found.items() if count > 1 and value in expected}
    return lines + (_named("a dead letter twice", twice) if schedule.source == "file" else [])


def _named(what: str, numbers: Iterable[int]) -> list[str]:
    listed = sorted(numbers)
    if not listed:
        return []
    more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
    return [f"{what}: messages {json.dumps(listed[:10])}{more}"]
