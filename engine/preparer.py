"""Prepares runs from the current options, and starts the stand-in and the receiver where they are targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from locust.runners import MasterRunner

from config.customerio.account import Account
from config.settings import Settings
from engine.locust_host import LocustHost
from metrics.output import Output
from receiver.own_process import LocalReceiver
from run.arguments import arguments_of_next_run, read_arguments
from run.outputs import check_outputs, open_outputs_of_totals
from run.preparation import Preparation, prepare
from run.queue_watch import QueueWatch, check_queue_metrics
from run.queued.delivery_watch import DeliveryWatch
from run.queued.opening import check_queue, open_queue
from run.region import check_account_region, live_account
from run.target import RECEIVER_KEY, own_receiver
from standin.own_process import LocalStandin
from users.kinds import Kinds


class Preparer:
    """Prepares runs, and owns the stand-in and the receiver that are targets when no others are configured.

    Args:
        host: the process, with Locust's options.
        settings: the target and its credentials.
        variables: those of the environment and ``.env``, for outputs that need secrets.
        standin: a stand-in that has been started and may still be coming up, if nothing names a target.

    Raises:
        ConfigError: the arguments, the profile or the target are wrong.
    """

    def __init__(
        self,
        host: LocustHost,
        settings: Settings,
        variables: Mapping[str, str],
        standin: LocalStandin | None = None,
    ) -> None:
        environment = host.environment
        self._kinds = Kinds((environment.available_user_classes or {}).values(), environment.user_classes)
        self._host = host
        self._settings = settings
        self._variables = variables
        self._standin = standin
        self._said_url: str | None = None
        self._receiver: LocalReceiver | None = None
        # Locust's web UI sets any option that a form names. Some may be set on the command line only.
        self._first_arguments = read_arguments(host.options)
        preparation = self.prepare()
        if self._standin is not None and not preparation.target.is_standin:
            # The run sends webhooks alone.
            self._standin.stop()
            self._standin = None

    def prepare(self, form: Mapping[str, str] | None = None) -> Preparation:
        """Return the preparation of the next run, from the options and the web UI's form if there is one.

        Nothing is sent, and no option is changed.

        Raises:
            ConfigError: the arguments, the profile or the target are wrong.
        """
        arguments = arguments_of_next_run(self._first_arguments, self._host.options, form)
        host_url = (form or {}).get("host", self._host.environment.host)
        # ``set_target`` has put the URLs of our own servers there: they are nobody's choice of a target.
        if host_url and host_url in self._own_urls():
            host_url = None
        preparation = prepare(arguments, self._settings, host_url, self._kinds)
        check_outputs(preparation, self._variables)
        check_queue_metrics(arguments.queue_metrics)
        has_workers = isinstance(self._host.environment.runner, MasterRunner)
        check_queue(preparation, self._variables, has_workers=has_workers)
        return preparation

    def _own_urls(self) -> list[str]:
        return [server.url for server in (self._standin, self._receiver) if server is not None]

    def with_receiver(self, preparation: Preparation) -> Preparation:
        """Return the preparation with a receiver for its webhooks. Start one if none is configured."""
        target = preparation.target
        if not target.lacks_receiver:
            return preparation
        if self._receiver is None or not self._receiver.is_running:
            self._receiver = LocalReceiver(RECEIVER_KEY)
            self._host.say(f"No WEBHOOK_URL: the webhooks go to a local receiver at {self._receiver.url}")
        return replace(preparation, target=replace(target, webhook=own_receiver(self._receiver.url)))

    def set_target(self, preparation: Preparation) -> str:
        """Set Locust's host to the target and return its URL. Start the stand-in if that is the target."""
        base_url = preparation.target.base_url
        if base_url is None and not preparation.target.is_customerio:
            (base_url,) = self.with_receiver(preparation).target.urls("")
        if base_url is None:
            if self._standin is None or not self._standin.is_running:
                self._standin = LocalStandin()
            base_url = self._standin.url
            if base_url != self._said_url:
                self._said_url = base_url
                self._host.say(f"No credentials: the load goes to a local stand-in at {base_url}")
        self._host.environment.host = base_url
        return base_url

    def check_account(self, preparation: Preparation) -> None:
        """Ask a target that is not live, and that the run did not start, for the account's region.

        Raises:
            ConfigError: the account is in the other region than the target.
        """
        if not preparation.target.is_customerio:
            # The credentials are not the receiver's business.
            return
        check_account_region(
            preparation.target, self._settings, is_region_set="CUSTOMERIO_REGION" in self._variables
        )

    def live_account(self, preparation: Preparation) -> Account:
        """Ask a live target for the account.

        Raises:
            ConfigError: it cannot be asked, or is not the one of the region.
        """
        return live_account(preparation.target, self._settings)

    def open_queue(
        self,
        preparation: Preparation,
        run_id: str,
        folder: Path,
        base_url: str,
        queue_watch: QueueWatch | None,
    ) -> DeliveryWatch | None:
        """Open the queue of a run, if a scenario uses it. Whoever opens it closes it.

        Raises:
            ConfigError: the queue cannot be used, or nobody delivers to the target.
        """
        if not preparation.uses_queue:
            return None
        return open_queue(preparation, run_id, folder, base_url, self._variables, queue_watch, self._host.say)

    def open_outputs_of_totals(self, preparation: Preparation, folder: Path) -> list[Output]:
        """Open the outputs that are one for the whole run, for a master; its workers have all others.

        Raises:
            ConfigError: a receiver cannot be reached, or a port is not free.
        """
        return open_outputs_of_totals(preparation, folder, self._variables)

    @property
    def has_lost_standin(self) -> bool:
        """Whether the stand-in was started and has died."""
        return self._standin is not None and not self._standin.is_running

    @property
    def has_lost_receiver(self) -> bool:
        """Whether the receiver was started and has died."""
        return self._receiver is not None and not self._receiver.is_running

    def close(self) -> None:
        """Stop the stand-in and the receiver."""
        if self._standin is not None:
            self._standin.stop()
            self._standin = None
        if self._receiver is not None:
            self._receiver.stop()
            self._receiver = None
