"""Opens the queue of a run: the pipeline's topic, or without a broker a file and a worker that follows it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

from config.customerio.hosts import is_loopback
from config.errors import ConfigError
from config.queue_message import encode_message, identify_message
from config.shown import shown
from run.preparation import Preparation, first_message_person
from run.queue_watch import QueueWatch
from run.queued.acceptances import Acceptances
from run.queued.child import has_pipeline
from run.queued.delivery_watch import DeliveryWatch, OpenQueue
from run.queued.file_queue import FileQueue
from run.queued.own_worker import OwnWorker
from run.queued.topic_queue import TopicQueue
from users.message_queue import ID_ATTRIBUTE, QueuedMessage

# The packages without which no command of the pipeline starts.
_NEEDED = ("aiohttp", "aiokafka", "prometheus_client", "pythonjsonlogger", "redis", "ulid")
_WARM_UP_SECONDS = 60.0


def check_queue(preparation: Preparation, variables: Mapping[str, str], *, has_workers: bool) -> None:
    """Check whether a run can use the queue, if it does, without connecting.

    Raises:
        ConfigError: it cannot.
    """
    if not preparation.uses_queue:
        return
    if has_workers:
        raise ConfigError(
            "user 'queued': expected one process, as one follows every message to its acceptance; leave out "
            "--processes and --master"
        )
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if not has_pipeline():
        missing.append("pipeline")
    if missing:
        raise ConfigError(
            f"user 'queued': the packages of the pipeline are missing ({', '.join(missing)}); expected "
            "pip install 'customerio-load[pipeline]', or scripts/run-load-test.sh --profile queued"
        )
    if preparation.target.is_live:
        raise ConfigError(
            f"user 'queued': expected a stand-in as the target; {preparation.target.base_url} does not say "
            "when it accepts a message"
        )
    brokers = variables.get("KAFKA_BROKERS")
    if brokers and not preparation.arguments.allow_live:
        for broker in brokers.split(","):
            if not is_loopback(f"kafka://{broker.strip()}"):
                raise ConfigError(
                    f"KAFKA_BROKERS: {shown(broker.strip())} is not on this machine, and its workers may "
                    "deliver to a live workspace; expected --allow-live, or a broker on 127.0.0.1"
                )


def open_queue(
    preparation: Preparation,
    run_id: str,
    folder: Path,
    base_url: str,
    variables: Mapping[str, str],
    pages: QueueWatch | None,
    say: Callable[[str], None],
) -> DeliveryWatch:
    """Open the queue, and wait until a first message has gone through it to the target.

    Args:
        preparation: of the run.
        run_id: its id.
        folder: its folder, where the queue without a broker is.
        base_url: the target.
        variables: the environment and ``.env``, which say whether there is a broker.
        pages: those of the queue's workers, if they are known.
        say: called with a line for the user.

    Raises:
        ConfigError: the queue cannot be used, or nobody delivers what is in it to the target.
    """
    target = preparation.target
    brokers = variables.get("KAFKA_BROKERS")
    queue: OpenQueue
    worker: OwnWorker | None = None
    if brokers:
        others = {name: value for name, value in variables.items() if name != "MESSAGE_MAPPING"}
        queue = TopicQueue(others, folder / "producer.log")
        say(f"Messages go to {queue.name} at {brokers}; workers of yours deliver them to {base_url}")
    else:
        queue = FileQueue(folder / "queue.jsonl")
        worker = OwnWorker(queue.path, target, base_url, variables)
        say(f"No KAFKA_BROKERS: messages go to {queue.path}, and a worker of this run delivers them")
    watch = DeliveryWatch(
        queue,
        Acceptances(base_url, target.ca_file),
        worker,
        pages,
        preparation.profile.drain_timeout,
    )
    try:
        problem = watch.warm_up(_first_message(run_id), _WARM_UP_SECONDS)
    except BaseException:
        watch.close()
        raise
    if problem is not None:
        watch.close()
        raise ConfigError(f"queue: {problem}; expected a worker that delivers to {base_url}")
    return watch


def _first_message(run_id: str) -> QueuedMessage:
    message_id = f"{run_id}/first"
    person = first_message_person(run_id)
    attributes = {"_load_test": True, "_load_test_run": run_id, ID_ATTRIBUTE: message_id}
    return QueuedMessage(message_id, "", 0.0, encode_message(identify_message(person, attributes)))
