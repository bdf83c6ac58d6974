"""The confirmation before load on a live workspace: what the run will do there, and that it is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from config.abort_bounds import AbortBounds
from config.customerio.account import Account
from config.customerio.limits import published_limits
from config.durations import format_duration
from config.environment_confirmation import check_confirmed
from config.errors import ConfigError
from config.load_test_people import PersonIds
from run.preparation import Preparation
from run.stop_file import STOP_FILE

# Events that are older than this trigger no campaign, says Customer.io's description of the Track API.
_TRIGGERING_SECONDS = 72 * 3600.0
_PRICE = "person_price_micro_dollars"


class LiveConfirmation:
    """Lets a run on a live workspace begin only if somebody has named that workspace's environment.

    Args:
        ask_account: returns the account of the target's credentials; ``ConfigError`` says why it cannot.
        say: shows the user a line.
        ask: shows the user a question and returns the answer, or ``None`` if nobody can be asked.
    """

    def __init__(
        self,
        ask_account: Callable[[Preparation], Account],
        say: Callable[[str], None],
        ask: Callable[[str], str | None],
    ) -> None:
        self._ask_account = ask_account
        self._say = say
        self._ask = ask

    def confirm(self, preparation: Preparation) -> Account | None:
        """Show the plan, and return the account that was confirmed; ``None`` if the target is not live.

        Raises:
            ConfigError: the account cannot be asked for, or nobody has named its environment.
        """
        if not preparation.target.is_live:
            return None
        account = self._ask_account(preparation)
        for line in _live_plan_lines(preparation, account):
            self._say(line)
        given = preparation.arguments.confirm_live
        if given is None:
            given = self._ask(f"Type the environment's id, {account.environment_id}, to start: ")
        check_confirmed(account.environment_id, given)
        return account

    def problem(self, preparation: Preparation) -> str | None:
        """Return why a run that somebody starts on a page may not begin, in one line, or ``None``."""
        if not preparation.target.is_live:
            return None
        try:
            account = self._ask_account(preparation)
            given = preparation.arguments.confirm_live
            check_confirmed(account.environment_id, given, "in the form's field for it (Confirm Live)")
        except ConfigError as error:
            plan = preparation.plan.describe()
            return f"{preparation.target.base_url} is a live workspace ({plan}): {error}"
        return None


def _live_plan_lines(preparation: Preparation, account: Account) -> Iterator[str]:
    """Yield what a run will do to a live workspace, a line for each thing to decide by."""
    plan, profile = preparation.plan, preparation.profile
    region = f", region {account.region.upper()}" if account.region else ""
    yield f"LIVE WORKSPACE: environment {account.environment_id}{region}, at {preparation.target.base_url}"
    yield "  Key       works"
    after = format_duration(preparation.graceful_stop_seconds)
    yield f"  Length    {format_duration(plan.seconds)}, and up to {after} for what is in flight at the end"
    yield f"  Requests  {plan.requests}, peak {plan.peak_rate:g}/s"
    for line in plan.against_limits():
        yield f"  Limit     {line}"
    yield f"  People    {_people(preparation)}"
    if plan.objects:
        yield f"  Objects   up to {plan.objects}, which cost what people do"
    yield f"  Cost      {_cost(plan.people + plan.objects)}"
    for name in profile.scenarios:
        yield f"  Triggers  {name}: {preparation.user_classes[name].may_trigger}"
    yield f"  Events    {_events(preparation.arguments.event_age_seconds)}"
    bounds = preparation.abort_bounds or AbortBounds()
    yield f"  Ends on   {bounds.describe()}; or a file {STOP_FILE} here or in the run's folder"


def _people(preparation: Preparation) -> str:
    plan, budget = preparation.plan, preparation.people_budget
    if not plan.people:
        return "no new ones"
    if budget is None:
        return f"up to {plan.people}"
    ids = PersonIds("", budget)
    return (
        f"up to {plan.people}, {ids.id_of(1)} to {ids.id_of(plan.people)}: the same ones in every run "
        f"(--people-budget {budget})"
    )


def _cost(profiles: int) -> str:
    price = published_limits()[_PRICE]
    dollars = profiles * price.value / 1_000_000
    return (
        f"up to ${dollars:,.2f} if all are new and above the plan: ${price.value / 1_000_000:g} {price.unit} "
        f"(Customer.io's page on billing, Essentials plan; read {price.read})"
    )


def _events(age_seconds: float) -> str:
    if age_seconds > _TRIGGERING_SECONDS:
        return f"dated {format_duration(age_seconds)} back: they trigger no campaign"
    return "may trigger campaigns; --event-age 73h dates them back so that they trigger none"
