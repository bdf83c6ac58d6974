"""The worker of a run without a broker: it follows the run's own queue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from run.queued.child import PipelineCommand
from run.queued.file_queue import id_of_letter
from run.target import Target

# Of the pipeline's settings, those that are about other queues, or that another worker on this machine needs.
_NOT_OURS = ("CUSTOMERIO_", "KAFKA_", "HEALTH_", "MESSAGE_MAPPING", "REDIS_URL")


class OwnWorker:
    """``python -m pipeline.worker --from FILE --follow``.

    Args:
        queue: the file to follow.
        target: what signs in.
        base_url: where it delivers.
        variables: the environment and ``.env``: batches and limits are those of any worker.

    Raises:
        OSError: its log cannot be written.
    """

    def __init__(self, queue: Path, target: Target, base_url: str, variables: Mapping[str, str]) -> None:
        self.queue = queue
        self._letters = Path(f"{queue}.dead.jsonl")
        self._position = Path(f"{queue}.position")
        self._letters_read = 0
        own = {name: value for name, value in variables.items() if not name.startswith(_NOT_OURS)}
        own |= {
            "CUSTOMERIO_BASE_URL": base_url,
            "CUSTOMERIO_SITE_ID": target.credentials.site_id,
            "CUSTOMERIO_API_KEY": target.credentials.api_key,
        }
        if target.ca_file is not None:
            own["CUSTOMERIO_CA_FILE"] = str(Path(target.ca_file).resolve())
        self._command = PipelineCommand(
            "pipeline.worker",
            ["--from", str(queue.resolve()), "--follow", "--until-stdin-closes"],
            own,
            queue.with_name("worker.log"),
        )

    @property
    def fault(self) -> str | None:
        """Why nothing is delivered any more, or ``None``."""
        return None if self._command.is_running else f"the worker has ended: {self._command.last_words}"

    def new_dead_letters(self) -> Iterator[str]:
        """Yield the ids of the messages that were dead-lettered since the last call."""
        if not self._letters.exists():
            return
        with self._letters.open("rb") as file:
            file.seek(self._letters_read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._letters_read += len(line)
                found = id_of_letter(line)
                if found is not None:
                    yield found

    @property
    def position(self) -> int:
        """The bytes of the queue before which every message has a result, as the worker noted last."""
        if not self._position.exists():
            return 0
        return int(json.loads(self._position.read_bytes())["offset"])

    def stop(self) -> None:
        """End the worker in order: what is in flight may finish. May be called twice."""
        self._command.stop()
