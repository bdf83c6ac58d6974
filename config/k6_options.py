"""The options of a k6 script as a profile: of ``k6 inspect``, or as a script writes them, as JSON.

What has no counterpart here is left out, and named. A mistake in what is left is found by the profile's own
validation; its place is then told under k6's names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from config.errors import ConfigError
from config.nearest import did_you_mean, nearest
from config.scenario_options import CONSTANT, RAMPING
from config.shown import LONGEST_PATH, visible

_EXECUTORS = {RAMPING: RAMPING, CONSTANT: CONSTANT, "ramping-rate": RAMPING, "constant-rate": CONSTANT}
_WITHOUT_RATES = (
    "shared-iterations",
    "per-vu-iterations",
    "constant-vus",
    "ramping-vus",
    "externally-controlled",
)

# k6's names for our options of a scenario and of a threshold, where they differ.
_OF_SCENARIOS = {
    "startRate": "start_rate",
    "timeUnit": "time_unit",
    "preAllocatedVUs": "pre_allocated_vus",
    "maxVUs": "max_vus",
    "startTime": "start_time",
    "gracefulStop": "graceful_stop",
}
_OF_THRESHOLDS = {"abortOnFail": "abort_on_fail", "delayAbortEval": "delay_abort_eval"}
_DURATIONS = ("timeUnit", "startTime", "gracefulStop", "duration", "delayAbortEval")
_K6S_NAMES = {ours: k6s for k6s, ours in {**_OF_SCENARIOS, **_OF_THRESHOLDS}.items()}

# The kinds of user that scripts for Customer.io have; another one is named by ``exec`` as it is.
_KINDS = ("identify", "track")
_WORD = re.compile(r"[A-Z]?[a-z]+")

_NO_RATE = "it sets VUs, not rates"
_OF_SCENARIO_LEFT_OUT = {
    "env": "a kind of user has no variables of a scenario",
    "tags": "samples have the tag scenario, and no others of your own",
    "options": "there is no browser here",
}
_CERTIFICATE = "certificates are always checked; CUSTOMERIO_CA_FILE names an authority to trust"
_CONNECTIONS = "each VU keeps one HTTP/1.1 connection"
_SETUP = "there is no setup and no teardown here"
_FIXED = "nothing does the same here"
_TOP_LEVEL_LEFT_OUT = {
    **dict.fromkeys(("vus", "duration", "iterations", "stages"), _NO_RATE),
    **dict.fromkeys(("setupTimeout", "teardownTimeout", "noSetup", "noTeardown"), _SETUP),
    **dict.fromkeys(("insecureSkipTLSVerify", "tlsAuth", "tlsCipherSuites", "tlsVersion"), _CERTIFICATE),
    **dict.fromkeys(("noConnectionReuse", "noVUConnectionReuse", "batch", "batchPerHost"), _CONNECTIONS),
    **dict.fromkeys(
        ("summaryTrendStats", "summaryTimeUnit", "systemTags", "metricSamplesBufferSize"),
        "the summary and the outputs always have the same statistics and tags",
    ),
    **dict.fromkeys(("executionSegment", "executionSegmentSequence"), "--processes shares the schedule"),
    "tags": _OF_SCENARIO_LEFT_OUT["tags"],
    "rps": "the rates of the scenarios are not capped again",
    "minIterationDuration": "pause in a profile holds a VU after its request",
    "maxRedirects": "no redirect is followed",
    "userAgent": "the user agent is that of this load test",
    "discardResponseBodies": "answers are judged by their bodies, and not kept",
    "httpDebug": "--loglevel DEBUG shows more",
    "paused": "--ui waits for a start in the browser",
    **dict.fromkeys(
        ("blacklistIPs", "blockHostnames", "cloud", "dns", "ext", "hosts", "linger", "localIPs",
         "noCookiesReset", "throw", "noUsageReport"),
        _FIXED,
    ),
}  # fmt: skip
_MISSING_METRICS = frozenset(
    ("data_received", "data_sent", "group_duration", "http_req_blocked", "http_req_connecting",
     "http_req_tls_handshaking", "http_req_sending", "http_req_waiting", "http_req_receiving")
)  # fmt: skip


def profile_of_k6_options(text: str, place: str) -> tuple[str, list[str]]:
    """Return the profile that k6's options describe, as TOML, and a line for each thing that was left out.

    Args:
        text: the options, as JSON.
        place: where they are, for errors.

    Raises:
        ConfigError: the text is not such JSON, or no scenario with a rate is left.
    """
    reading = _Reading(place)
    try:
        profile = reading.profile(_read_json(text, place))
        toml = "".join(f"{line}\n" for line in _toml(profile))
        toml.encode()
    except RecursionError:
        raise ConfigError(f"{place}: expected objects and lists of fewer levels") from None
    except UnicodeEncodeError:
        raise ConfigError(f"{place}: expected text of whole characters") from None
    if reading.mistakes:
        raise ConfigError(place, reading.mistakes)
    return toml, reading.left_out


def _read_json(text: str, place: str) -> dict[str, Any]:
    try:
        options = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{place}: not valid JSON: {error.msg} (line {error.lineno})") from error
    except ValueError:
        # Python converts no number of more than 4300 digits.
        raise ConfigError(f"{place}: expected numbers of fewer digits") from None
    if not isinstance(options, dict):
        raise ConfigError(f"{place}: expected an object with scenarios, as k6 inspect prints it")
    return options


def in_k6s_names(mistake: str) -> str:
    """Return a mistake of a profile, ``place: what is wrong``, with the names that k6's options have."""
    place, colon, message = mistake.partition(": ")
    parts = place.split(".")
    if len(parts) > 1 and parts[0] == "scenarios" and parts[-1] == "user":
        parts[-1] = "exec"
    place = ".".join([*parts[:2], *(_K6S_NAMES.get(part, part) for part in parts[2:])])
    known = re.compile(rf"\b({'|'.join(_K6S_NAMES)})\b")
    return place + colon + known.sub(lambda found: _K6S_NAMES[found[0]], message)


class _Reading:
    """One reading of k6's options: ``left_out`` and ``mistakes`` have a line each."""

    def __init__(self, place: str) -> None:
        self.left_out: list[str] = []
        self.mistakes: list[str] = []
        self._place = place

    def profile(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the profile as plain data."""
        for name, value in options.items():
            if name in ("scenarios", "thresholds") or _is_unset(value):
                continue
            if name in _TOP_LEVEL_LEFT_OUT:
                self._leave_out(name, _TOP_LEVEL_LEFT_OUT[name])
            else:
                meant = nearest(name, ("scenarios", "thresholds", *_TOP_LEVEL_LEFT_OUT))
                self.mistakes.append(f"{_shown_name(name)}: not an option of k6{did_you_mean(meant)}")
        scenarios = dict(self._scenarios(_table(options.get("scenarios"))))
        if not scenarios and not self.mistakes:
            left_out = f"; left out: {'; '.join(self.left_out)}" if self.left_out else ""
            self.mistakes.append(
                f"scenarios: expected at least one with the executor {RAMPING} or {CONSTANT}{left_out}"
            )
        return {
            "scenarios": scenarios,
            "thresholds": dict(self._thresholds(_table(options.get("thresholds")))),
        }

    def _scenarios(self, scenarios: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, given in scenarios.items():
            place = f"scenarios.{_shown_name(name)}"
            options = _table(given)
            executor = options.get("executor")
            if executor in _WITHOUT_RATES:
                self._leave_out(place, f"executor {executor} sets VUs or iterations, not rates")
                continue
            yield name, dict(self._scenario(name, place, options))

    def _scenario(self, name: str, place: str, options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for option, value in options.items():
            if _is_unset(value):
                continue
            if option == "executor":
                yield option, _EXECUTORS.get(value, value) if isinstance(value, str) else value
            elif option in _OF_SCENARIO_LEFT_OUT:
                self._leave_out(f"{place}.{option}", _OF_SCENARIO_LEFT_OUT[option])
            elif option == "stages" and isinstance(value, list):
                yield option, [_stage(stage) for stage in value]
            elif option != "exec":
                yield _OF_SCENARIOS.get(option, option), _value(option, value)
        if "user" not in options:
            yield "user", _user(options.get("exec"), name)

    def _thresholds(self, thresholds: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for selector, given in thresholds.items():
            if _is_unset(given):
                continue
            if selector.partition("{")[0].strip() in _MISSING_METRICS:
                self._leave_out(f"thresholds.{_shown_name(selector)}", "there is no such metric here")
                continue
            values = [given] if isinstance(given, str | dict) else given
            yield selector, [_threshold(value) for value in values] if isinstance(values, list) else values

    def _leave_out(self, where: str, why: str) -> None:
        self.left_out.append(f"{self._place}: {where}: not carried over, {why}")


def _stage(stage: Any) -> Any:
    if not isinstance(stage, dict):
        return stage
    return {name: _value(name, value) for name, value in stage.items() if value is not None}


def _threshold(threshold: Any) -> Any:
    if not isinstance(threshold, dict):
        return threshold
    return {
        _OF_THRESHOLDS.get(name, name): _value(name, value)
        for name, value in threshold.items()
        if value is not None
    }


def _value(name: str, value: Any) -> Any:
    """Return the value of an option; a duration that is a number is milliseconds, as in k6."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value}ms" if name in _DURATIONS and is_number else value


def _user(function: Any, scenario: str) -> str:
    """Return the kind of user that a scenario means by its function or else by its own name."""
    named = [text for text in (function, scenario) if isinstance(text, str)]
    words = (word.lower() for text in named for word in _WORD.findall(text))
    return next((word for word in words if word in _KINDS), named[0])


def _is_unset(value: Any) -> bool:
    """Return whether k6 takes an option for not given: ``k6 inspect`` prints ``null`` for those."""
    if isinstance(value, dict):
        return all(_is_unset(inner) for inner in value.values())
    return value is None or value in ([], "")


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shown_name(name: str) -> str:
    return visible(name[:LONGEST_PATH])


def _toml(profile: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a profile in TOML; the keys are those of the JSON, whatever is in them."""
    for name, options in profile["scenarios"].items():
        yield f"[scenarios.{_inline(name)}]"
        yield from (f"{_inline(option)} = {_inline(value)}" for option, value in options.items())
        yield ""
    yield "[thresholds]"
    yield from (
        f"{_inline(selector)} = {_inline(value)}" for selector, value in profile["thresholds"].items()
    )


def _inline(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_inline(name)} = {_inline(inner)}' for name, inner in value.items())} }}"
    if value is None:
        # TOML has no such value; whoever reads it says what is expected there.
        return '""'
    # A TOML string takes JSON's escapes, but no halves of a character.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
