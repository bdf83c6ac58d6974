"""What master and workers send each other: one frozen dataclass per message, with its encoding beside it.

Locust's transport carries plain data (msgpack). Anybody can send anything to a port without a login, so no
message is used unchecked: types, finiteness and ranges are checked here, and what is possible in the run is
checked by the receiver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from config.first_mistake import first_mistake
from config.profile import MOST_PROFILE_BYTES
from engine.cluster.seal import MessageError
from metrics.catalog import Metric, Tags
from metrics.sinks import AnySink, sink_from_state
from metrics.store import Cell
from shapes.accounts import Counts
from shapes.share import Epoch

WIRE_VERSION = 1
"""Increase it when a message changes its form. A worker with other code is refused anyway."""

_MOST_TEXT = 1_000
_MOST_PROFILE_TEXT = MOST_PROFILE_BYTES
_MOST_CELLS = 10_000
_MOST_EPOCHS = 10_000
_MOST_MEMBERS = 10_000
_MOST_TAGS = 16
_MOST_SCENARIOS = 1_000

Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Index = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Seconds = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e12, le=1e12)]
Percent = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1e6)]
Text = Annotated[str, Field(strict=True, max_length=_MOST_TEXT)]
# A run's id becomes the name of a folder on a worker, so it must not contain a path.
RunId = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,79}$")]
_EpochPair = tuple[Seconds, Annotated[tuple[Index, ...], Field(max_length=_MOST_MEMBERS)]]
Epochs = Annotated[tuple[_EpochPair, ...], Field(max_length=_MOST_EPOCHS)]

_exact = ConfigDict(extra="forbid")


class Wire:
    """A message: ``kind`` is its name on the wire."""

    kind: ClassVar[str]

    def to_wire(self) -> dict[str, Any]:
        """Return the message as plain data."""
        return {"wire": WIRE_VERSION, **asdict(self)}  # type: ignore[call-overload] # subclasses are dataclasses

    @classmethod
    def from_wire(cls, data: object) -> Self:
        """Return the message from the plain data that ``to_wire`` returned.

        Raises:
            MessageError: the data has another form or version.
        """
        if not isinstance(data, dict):
            raise MessageError(f"expected a mapping, got {type(data).__name__}")
        version = data.get("wire")
        if version != WIRE_VERSION or isinstance(version, bool):
            raise MessageError(f"expected version {WIRE_VERSION} of the messages")
        body = {name: value for name, value in data.items() if name != "wire"}
        try:
            return TypeAdapter(cls).validate_python(body)
        except ValidationError as error:
            raise MessageError(first_mistake(error, "message")) from error
        except RecursionError as error:
            raise MessageError("nested too deeply") from error


# From a worker.


@dataclass(frozen=True, config=_exact)
class Hello(Wire):
    """A worker presents itself, again and again until the master answers.

    ``profile`` is the text of the profile that the worker itself names, if it names one.
    """

    kind = "load_test_hello"

    code: Text
    host: Text
    python: Text
    profile: Annotated[str, Field(strict=True, max_length=_MOST_PROFILE_TEXT)] | None


@dataclass(frozen=True, config=_exact)
class ScenarioCounts:
    """What one worker has done in one scenario; see ``shapes.accounts.Counts``."""

    at: Seconds
    started: Count
    dropped: Count
    dropped_late: Count
    completed: Count
    interrupted: Count
    is_final: Flag

    @classmethod
    def of(cls, counts: Counts) -> ScenarioCounts:
        """Return the form that is sent."""
        return cls(**asdict(counts))

    def counts(self) -> Counts:
        """Return the form that the ledger uses."""
        return Counts(**asdict(self))


@dataclass(frozen=True, config=_exact)
class Report(Wire):
    """The answer to a beat: what this worker has done so far in the run.

    ``sent`` is that of the last beat; ``now`` is the worker's monotonic clock; ``epochs_known`` is the number
    of epochs that it knows; ``seconds_sent`` is that of its ``SecondMeasured`` messages. ``length`` is in
    seconds.
    """

    kind = "load_test_counts"

    run_id: RunId
    sent: Seconds
    now: Seconds
    epochs_known: Count
    is_started: Flag
    is_ready: Flag
    is_done: Flag
    is_final: Flag
    length: Seconds
    counts: Annotated[dict[Text, ScenarioCounts], Field(max_length=_MOST_SCENARIOS)]
    vus_busy: Annotated[dict[Text, Count], Field(max_length=_MOST_SCENARIOS)]
    seconds_sent: Count


@dataclass(frozen=True, config=_exact)
class SecondMeasured(Wire):
    """What a worker measured in one second: cells by ``encode_cell``, and its CPU in percent of a core.

    ``number`` counts these messages from 0, so that a lost or repeated one is noticed.
    """

    kind = "load_test_metrics"

    run_id: RunId
    number: Count
    second: Count
    cpu: Percent
    cells: Annotated[list[Any], Field(max_length=_MOST_CELLS)]


@dataclass(frozen=True, config=_exact)
class Leaving(Wire):
    """A worker was told to end, and asks to be left out of later epochs."""

    kind = "load_test_leaving"

    run_id: RunId


# From the master.


@dataclass(frozen=True, config=_exact)
class Challenge(Wire):
    """Tells a worker the master's session, for which it signs its messages: ``engine.cluster.seal``."""

    kind = "load_test_challenge"


@dataclass(frozen=True, config=_exact)
class Welcome(Wire):
    """A worker may take part."""

    kind = "load_test_welcome"


@dataclass(frozen=True, config=_exact)
class Refuse(Wire):
    """A worker may not take part; ``reason`` is for its user."""

    kind = "load_test_refuse"

    reason: Annotated[str, Field(strict=True, max_length=_MOST_PROFILE_TEXT)]


@dataclass(frozen=True, config=_exact)
class Invitation(Wire):
    """Asks a worker to prepare a run. It never contains credentials: a worker has its own.

    ``index`` is the worker's. ``scenarios`` are the names of the profile's scenarios that run.
    ``event_age`` is in seconds. ``environment_id`` is that of the live workspace whose load was confirmed.
    With ``receiver_url``, the master has started a receiver of webhooks there.
    """

    kind = "load_test_open"

    run_id: RunId
    index: Index
    profile_place: Text
    profile_toml: Annotated[str, Field(strict=True, max_length=_MOST_PROFILE_TEXT)]
    scenarios: Annotated[tuple[Text, ...], Field(max_length=_MOST_SCENARIOS)]
    time_scale: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
    people_seed: Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
    http_client: Text
    resend_post: Flag
    traceparent: Flag
    outputs: Annotated[tuple[Text, ...], Field(max_length=_MOST_SCENARIOS)]
    outputs_optional: Flag
    base_url: Text
    people_budget: Annotated[int, Field(strict=True, ge=1, le=10**9)] | None
    event_age: Annotated[float, Field(strict=True, ge=0, le=1e9, allow_inf_nan=False)]
    environment_id: Text | None
    receiver_url: Text | None


@dataclass(frozen=True, config=_exact)
class Beat(Wire):
    """Four times a second: asks for a ``Report``, and grants arrivals up to ``until`` seconds of the run.

    A grant is valid only together with the epochs that it was made for. ``epochs_known`` is their number;
    ``epochs`` is sent until the worker knows them.
    """

    kind = "load_test_beat"

    run_id: RunId
    sent: Seconds
    until: Seconds | None = None
    epochs_known: Count = 0
    epochs: Epochs | None = None

    def decoded_epochs(self) -> list[Epoch]:
        """Return the epochs of this beat; none if the worker knows them already."""
        return [Epoch(start, members) for start, members in self.epochs or ()]


@dataclass(frozen=True, config=_exact)
class Start(Wire):
    """Second 0 of the run, by the worker's own monotonic clock, in seconds."""

    kind = "load_test_start"

    run_id: RunId
    at: Seconds


@dataclass(frozen=True, config=_exact)
class Stop(Wire):
    """Stop the run's VUs gracefully, and report for the last time."""

    kind = "load_test_stop"

    run_id: RunId


def encode_epochs(epochs: Sequence[Epoch]) -> Epochs:
    """Return epochs in the form that a ``Beat`` carries."""
    return tuple((epoch.start, epoch.members) for epoch in epochs)


# Measured values.


def encode_cell(cell: Cell) -> list[Any]:
    """Return the aggregate of one window of one metric as plain data: a Trend as an HDR histogram."""
    return [cell.metric.name, [list(pair) for pair in cell.tags], cell.aggregate().to_state()]


def decode_cell(data: object, catalog: Mapping[str, Metric]) -> tuple[str, Tags, AnySink]:
    """Return metric, tags and aggregate from ``encode_cell``.

    Raises:
        MessageError: the data has another form, or the metric is not in ``catalog``.
    """
    if not (isinstance(data, list | tuple) and len(data) == 3):
        raise MessageError("cell: expected metric, tags and state")
    name, pairs, state = data
    metric = catalog.get(name) if isinstance(name, str) else None
    if metric is None:
        raise MessageError("cell: unknown metric")
    try:
        return metric.name, _decode_tags(pairs), sink_from_state(metric.type, state)
    except ValueError as error:
        raise MessageError(f"cell of {metric.name}: {error}") from error


def _decode_tags(pairs: object) -> Tags:
    if not isinstance(pairs, list | tuple) or len(pairs) > _MOST_TAGS:
        raise MessageError("tags: expected a list of pairs")
    for pair in pairs:
        is_pair = isinstance(pair, list | tuple) and len(pair) == 2
        if not is_pair or not all(isinstance(part, str) and len(part) <= _MOST_TEXT for part in pair):
            raise MessageError("tags: expected pairs of texts")
    return tuple(sorted((key, value) for key, value in pairs))
