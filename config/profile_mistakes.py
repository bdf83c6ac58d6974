"""What is wrong in a profile, in words: a line per mistake, with the name that was probably meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.errors import MOST_MISTAKES
from config.nearest import did_you_mean, nearest
from config.scenario_options import CONSTANT, RAMPING, ConstantArrivalRate, RampingArrivalRate, StageOptions
from config.shown import LONGEST_PATH, shown, visible

_OTHER_NAMES = {
    "exec": "user",
    "function": "user",
    "vus": "pre_allocated_vus",
    "users": "pre_allocated_vus",
    "rps": "rate",
    "arrival_rate": "rate",
    "sleep": "pause",
    "wait_time": "pause",
    "think_time": "pause",
    "start_delay": "start_time",
    "stop_timeout": "graceful_stop",
    "length": "duration",
    "time": "duration",
}
"""Names of other tools for our options."""


def mistakes_of(error: ValidationError, models: Mapping[str, type[BaseModel]]) -> list[str]:
    """Return a line for each mistake: its place, what is wrong, the value, and the name that was meant.

    Args:
        error: of pydantic.
        models: the options that there are, by the last part of a place that has an entry, or by ``""``.
    """
    # pydantic adds one for each default that it could not make because of another problem.
    problems = [
        problem
        for problem in error.errors(include_url=False)
        if problem["type"] != "default_factory_not_called"
    ]
    # Of a hostile profile only so many are worth a comparison with all names.
    meant = {
        index: _meant(problem["loc"], models)
        for index, problem in enumerate(problems[:MOST_MISTAKES])
        if problem["type"] == "extra_forbidden"
    }
    found = {(*problems[index]["loc"][:-1], name) for index, name in meant.items()}
    return [
        _mistake(problem, meant.get(index))
        for index, problem in enumerate(problems)
        # A name with a slip is one mistake, not two.
        if not (problem["type"] == "missing" and problem["loc"] in found)
    ]


def _mistake(problem: ErrorDetails, meant: str | None) -> str:
    loc = problem["loc"]
    parts = [str(part) for part in loc if part not in ("[key]", RAMPING, CONSTANT)]
    place = visible(".".join(parts)[:LONGEST_PATH])
    message = problem["msg"].removeprefix("Value error, ")
    value = problem["input"]
    if problem["type"] == "extra_forbidden":
        message = f"unknown option{_got(value)}{_hint(loc, meant)}"
    elif problem["type"] == "missing":
        message = "required option is missing"
        if loc[-1] == "executor":
            message += f"; expected {RAMPING} or {CONSTANT}"
    elif problem["type"] == "literal_error":
        message = f"expected {RAMPING} or {CONSTANT}, got {shown(value)}{_closed(value)}"
    elif problem["type"] == "tuple_type":
        message = f"expected a list in [ ]{_got(value)}"
    elif "got" not in message and not message.startswith("no such"):
        message = f"{message[0].lower()}{message[1:]}, got {shown(value)}"
    return f"{place}: {message}" if place else message


def _meant(loc: tuple[int | str, ...], models: Mapping[str, type[BaseModel]]) -> str | None:
    """Return the option that an unknown one is probably meant to be."""
    inner = [str(part) for part in loc[:-1] if part in models]
    model = models[inner[-1] if inner else ""]
    return nearest(str(loc[-1]), _names(model), _OTHER_NAMES)


def _names(model: type[BaseModel]) -> Collection[str]:
    if model is StageOptions:
        return ("target", "rate", "duration")
    return model.model_fields


def _hint(loc: tuple[int | str, ...], meant: str | None) -> str:
    for executor, other in ((CONSTANT, ConstantArrivalRate), (RAMPING, RampingArrivalRate)):
        if executor not in loc and _is_option_of_scenario(loc) and loc[-1] in other.model_fields:
            return f"; it belongs to executor {executor}"
    return did_you_mean(meant)


def _is_option_of_scenario(loc: tuple[int | str, ...]) -> bool:
    return len(loc) == 4 and loc[0] == "scenarios"


def _closed(executor: Any) -> str:
    if not isinstance(executor, str):
        return ""
    if executor.endswith(("-vus", "-iterations")) or executor == "externally-controlled":
        return "; rates, not VUs, set the load here"
    return did_you_mean(nearest(executor, (RAMPING, CONSTANT)))


def _got(value: Any) -> str:
    """Return what an unknown option has, unless that may contain a secret."""
    is_plain = isinstance(value, bool | int | float) or (isinstance(value, str) and "://" not in value)
    return f", got {shown(value)}" if is_plain else ""
