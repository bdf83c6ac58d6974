"""A clean-up from its plan to what remains."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from cleanup.app_api import KEY_VARIABLE, AppApi, AppApiError, app_url
from cleanup.deleting import NotDeleted, delete_people, open_client
from cleanup.journal import Journal
from cleanup.runs import CreatedPeople, without_repeats
from config.customerio.account import Account
from config.customerio.hosts import check_region, is_live, is_named
from config.durations import format_duration
from config.environment_confirmation import check_confirmed, is_terminal
from config.errors import ConfigError
from config.load_test_people import has_mark
from config.people_record import PeopleRecord
from config.shown import shown, visible
from pipeline.outcome import DeliveryError
from pipeline.settings import TargetSettings

_MOST_NAMED = 5
# Customer.io accepts a deletion first and applies it later.
_LOOK_AGAIN_SECONDS = 5.0
_LOOKS = 12


class CleanUp:
    """Deletes people from one workspace.

    Args:
        target: the workspace.
        live_hosts: hosts that count as live beside those under customer.io.
        variables: the environment, which may have a key of the App API.
        requests_per_second: the most deletions that start in a second.
        confirmed: the id of the live environment that the user has named.
    """

    def __init__(
        self,
        target: TargetSettings,
        live_hosts: frozenset[str],
        variables: Mapping[str, str],
        *,
        requests_per_second: int,
        confirmed: str | None,
    ) -> None:
        self._target = target
        self._is_live = is_live(target.base_url) or is_named(target.base_url, live_hosts)
        self._requests_per_second = requests_per_second
        self._confirmed = confirmed
        url, key = app_url(target.base_url), variables.get(KEY_VARIABLE)
        self._app = AppApi(url, key, target.ca_file) if url is not None and key is not None else None
        self._is_clean = True

    def run(self, runs: Sequence[CreatedPeople], *, everybody: bool, is_dry: bool) -> bool:
        """Delete the people of the runs; with ``everybody``, also whom the App API finds by their mark.

        Returns:
            Whether all were deleted, and nobody is known to be left.

        Raises:
            ConfigError: a mistake, before anybody is deleted.
        """
        account = None if is_dry else self._account()
        environment_id = account.environment_id if account is not None else None
        if not is_dry:
            runs = self._of_this_workspace(runs, environment_id, is_strict=not everybody)
        self._say_plan(runs, environment_id, everybody=everybody)
        if is_dry:
            _say("Dry run: nobody is deleted, nothing is asked.")
            return True
        if environment_id is not None:
            check_confirmed(environment_id, self._confirmed or _typed(environment_id))
        for created in runs:
            self._clean_run(created, environment_id)
        if everybody:
            self._clean_marked()
        return self._is_clean

    # Before anybody is deleted.

    def _account(self) -> Account | None:
        """Return the live account; ``None`` for a target that is not live.

        Raises:
            ConfigError: the key does not work, or the account is in the other region.
        """
        if not self._is_live:
            return None

        async def ask() -> bytes:
            async with open_client(self._target, self._requests_per_second) as client:
                return await client.check_credentials()

        try:
            body = asyncio.run(ask())
        except DeliveryError as error:
            raise ConfigError(f"CUSTOMERIO_*: {error}") from error
        check_region(body, self._target.base_url, self._target.region)
        account = Account.from_answer(body)
        if account is None:
            raise ConfigError(f"{self._target.base_url}: expected an answer with environment_id")
        return account

    def _of_this_workspace(
        self, runs: Sequence[CreatedPeople], environment_id: str | None, *, is_strict: bool
    ) -> list[CreatedPeople]:
        """Return the runs whose people are in this workspace.

        Raises:
            ConfigError: the run that was named is of another one.
        """
        of_this = []
        for created in runs:
            elsewhere = self._elsewhere(created.record, environment_id)
            if elsewhere is None:
                of_this.append(created)
            elif is_strict:
                raise ConfigError(f"run {created.record.run_id}: {elsewhere}")
            else:
                _say(f"Left alone: run {created.record.run_id}, {elsewhere}")
        return without_repeats(of_this)

    def _elsewhere(self, record: PeopleRecord, environment_id: str | None) -> str | None:
        """Return where the people of a run are, if that is not this workspace."""
        if environment_id is None and record.environment_id is None:
            is_here = record.base_url == self._target.base_url
        else:
            is_here = record.environment_id == environment_id
        if is_here:
            return None
        environment = f"environment {record.environment_id} at " if record.environment_id else ""
        here = self._named(environment_id)
        return f"its people are in {shown(environment + record.base_url)}, the credentials are of {here}"

    def _named(self, environment_id: str | None) -> str:
        url = self._target.base_url
        return url if environment_id is None else f"environment {environment_id} at {url}"

    def _say_plan(
        self, runs: Sequence[CreatedPeople], environment_id: str | None, *, everybody: bool
    ) -> None:
        total = sum(created.record.count for created in runs)
        length = format_duration(total / self._requests_per_second)
        _say(
            f"CLEAN-UP of {self._named(environment_id)}: {total} people, at most "
            f"{self._requests_per_second}/s, about {length}"
        )
        for created in runs:
            _say(f"  Run {created.record.run_id}: {_described(created.record)}")
        if everybody and self._app is not None:
            _say("  And whom the App API finds by the attribute _load_test")
        elif everybody:
            _say(f"  Nobody is looked for by the attribute _load_test, as there is no {KEY_VARIABLE}")

    # Deleting, and looking who is left.

    def _clean_run(self, created: CreatedPeople, environment_id: str | None) -> None:
        record = created.record
        with Journal(created.folder, environment_id or self._target.base_url) as journal:
            done = journal.read()
            if done >= record.count:
                # Later runs may have created the pool again, and to delete nobody does no harm.
                done = 0
            if done:
                _say(f"Run {record.run_id}: {done} were deleted by an earlier clean-up; going on")

            def write(count: int) -> None:
                nonlocal done
                done += count
                journal.write(done)

            refused = self._delete(record.ids(done), write, f"run {record.run_id}")
        if refused is not None:
            _say(f"Run {record.run_id}: {record.count - len(refused)} of {record.count} people deleted")
            self._say_left(list(record.ids()), refused)
        if refused is not None and record.objects:
            self._clean_objects(record)

    def _clean_objects(self, record: PeopleRecord) -> None:
        what = f"the objects of run {record.run_id}"
        refused = self._delete(record.object_ids(), lambda count: None, what, are_objects=True)
        if refused is not None:
            _say(f"  And {record.objects - len(refused)} of {record.objects} objects deleted, not verified")
            self._say_refused(refused)

    def _clean_marked(self) -> None:
        if self._app is None:
            return
        try:
            found = list(self._app.load_test_ids())
        except AppApiError as error:
            self._fail(f"Others with _load_test could not be looked for: {error}")
            return
        ids = [person_id for person_id in found if person_id is not None and has_mark(person_id)]
        if len(found) > len(ids):
            _say(f"Left alone: {len(found) - len(ids)} people with _load_test whose id is not a load test's")
        refused = self._delete(ids, lambda count: None, "others with _load_test")
        if refused is not None:
            _say(f"Others with _load_test: {len(ids) - len(refused)} of {len(ids)} people deleted")
            self._say_left(ids, refused)

    def _delete(
        self,
        ids: Iterable[str],
        when_deleted: Callable[[int], None],
        what: str,
        *,
        are_objects: bool = False,
    ) -> list[NotDeleted] | None:
        """Delete people, and return those who are refused; ``None`` if it ended before all were asked for."""

        async def delete() -> list[NotDeleted]:
            async with open_client(self._target, self._requests_per_second) as client:
                return await delete_people(client, ids, when_deleted, are_objects=are_objects)

        try:
            return asyncio.run(delete())
        except DeliveryError as error:
            self._fail(f"Stopped at {what}: {error}; run the same again to go on")
            return None

    def _say_left(self, ids: Sequence[str], refused: Sequence[NotDeleted]) -> None:
        """Say what is known of who is left."""
        self._say_refused(refused)
        if self._app is None:
            _say(f"  Accepted, and not verified: that needs the App API, with {KEY_VARIABLE}")
            return
        try:
            left = self._app.who_is_left(ids)
            for _ in range(_LOOKS):
                if not left:
                    break
                time.sleep(_LOOK_AGAIN_SECONDS)
                left = self._app.who_is_left(left)
        except AppApiError as error:
            self._fail(f"  Not verified: {error}")
            return
        if left:
            more = ", ..." if len(left) > _MOST_NAMED else ""
            self._fail(f"  Remain: {len(left)} people, {', '.join(left[:_MOST_NAMED])}{more}")
        else:
            _say("  Verified: nobody is left")

    def _say_refused(self, refused: Sequence[NotDeleted]) -> None:
        if refused:
            self._fail(f"  Refused: {len(refused)}")
        for person in refused[:_MOST_NAMED]:
            _say(f"    {person.person_id}: {person.reason}")

    def _fail(self, line: str) -> None:
        self._is_clean = False
        _say(line)


def _described(record: PeopleRecord) -> str:
    if not record.count:
        return "nobody"
    first, last = next(record.ids()), next(record.ids(record.count - 1))
    pool = ", whom all runs with a people budget share" if record.budget is not None else ""
    return f"{record.count} people, {first} to {last}{pool}"


def _typed(environment_id: str) -> str | None:
    if not is_terminal():
        return None
    sys.stderr.write(f"Type the environment's id, {environment_id}, to delete them: ")
    sys.stderr.flush()
    return sys.stdin.readline()


def _say(line: str) -> None:
    sys.stderr.write(f"{visible(line)}\n")
    sys.stderr.flush()
