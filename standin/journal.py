"""The journal: one line for each operation that was applied to the store, in the order of applying."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from standin.people import PeopleStore
from standin.person import Identifier


class Journal:
    """A file of JSON lines. Each line is written whole and at once, so the file can be read at any time.

    Raises:
        OSError: the file cannot be opened for appending.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.failure: OSError | None = None

    def write(
        self,
        operation: str,
        who: Identifier | None = None,
        attributes: Mapping[str, Any] | None = None,
        name: str | None = None,
        event_id: str | None = None,
        duplicate: bool = False,
        at: float | None = None,
    ) -> None:
        """Append one line, of what was applied at the monotonic instant ``at``, or now.

        A failure to write is kept in ``failure`` and ends the process as SIGTERM does.
        """
        kind, person = (None, None) if who is None else who
        line = {
            "operation": operation,
            "kind": kind,
            "person": person,
            "name": name,
            "event_id": event_id,
            "duplicate": duplicate,
            "attributes": attributes,
            "at": time.monotonic() if at is None else at,
        }
        try:
            text = _ENCODER.encode(line)
        except RecursionError:
            # The attributes are nested as deeply as the decoder allows. The encoder allows a little less.
            text = _ENCODER.encode({**line, "attributes": None})
        self._append(text.encode() + b"\n")

    def _append(self, line: bytes) -> None:
        if self.failure is not None:
            return
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError as error:
            # A journal with a gap would be believed. So the process ends and says why.
            self.failure = error
            os.kill(os.getpid(), signal.SIGTERM)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)


class JournaledPeople(PeopleStore):
    """A store that writes each change, and each repeated event, to the journal."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal
        self._accepted_at = 0.0

    def identify(self, who: Identifier, attributes: Mapping[str, Any], update_only: bool = False) -> bool:
        applied = super().identify(who, attributes, update_only)
        if applied:
            self._journal.write("identify", who, attributes, at=self._accepted_at)
        return applied

    def delete(self, who: Identifier) -> bool:
        applied = super().delete(who)
        if applied:
            self._journal.write("delete", who)
        return applied

    def suppress(self, who: Identifier) -> bool:
        applied = super().suppress(who)
        if applied:
            self._journal.write("suppress", who)
        return applied

    def unsuppress(self, who: Identifier) -> bool:
        applied = super().unsuppress(who)
        if applied:
            self._journal.write("unsuppress", who)
        return applied

    def merge(self, primary: Identifier, secondary: Identifier) -> bool:
        applied = super().merge(primary, secondary)
        if applied:
            self._journal.write("merge", primary, {"secondary": {secondary.kind: secondary.value}})
        return applied

    def record_event(
        self,
        who: Identifier,
        name: str,
        event_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> bool:
        duplicates = self.duplicates
        applied = super().record_event(who, name, event_id, data)
        repeated = self.duplicates > duplicates
        if applied or repeated:
            self._journal.write("event", who, data, name, event_id, repeated, self._accepted_at)
        return applied

    def record_anonymous_event(
        self,
        name: str,
        anonymous_id: str | None = None,
        event_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> bool:
        applied = super().record_anonymous_event(name, anonymous_id, event_id, data)
        self._journal.write("anonymous_event", None, data, name, event_id, not applied, self._accepted_at)
        return applied

    def add_device(self, who: Identifier, device_id: str, platform: str) -> bool:
        applied = super().add_device(who, device_id, platform)
        if applied:
            self._journal.write("add_device", who, {"device_id": device_id, "platform": platform})
        return applied

    def delete_device(self, who: Identifier, device_id: str) -> bool:
        applied = super().delete_device(who, device_id)
        if applied:
            self._journal.write("delete_device", who, {"device_id": device_id})
        return applied

    def add_to_segment(self, segment_id: int, members: list[Identifier]) -> None:
        super().add_to_segment(segment_id, members)
        self._write_members("add_to_segment", segment_id, members)

    def remove_from_segment(self, segment_id: int, members: list[Identifier]) -> None:
        super().remove_from_segment(segment_id, members)
        self._write_members("remove_from_segment", segment_id, members)

    def _note_accepted(self, attributes: Mapping[str, Any] | None) -> None:
        # One reading of the clock: the journal and /_standin/accepted have the same instant.
        self._accepted_at = time.monotonic()
        if self.acceptance_log is not None:
            self.acceptance_log.note(attributes, self._accepted_at)

    def _write_members(self, operation: str, segment_id: int, members: list[Identifier]) -> None:
        for who in members:
            if self.find(who) is not None:
                self._journal.write(operation, who, {"segment_id": segment_id})


# ASCII, because a string may contain half of a surrogate pair, which has no UTF-8 form.
_ENCODER = json.JSONEncoder(separators=(",", ":"))
