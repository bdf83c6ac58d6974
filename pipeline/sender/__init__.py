"""Collects operations into batches, keeps the order of each person, and returns a result for each."""

from pipeline.sender.batch_sender import BatchLimits, BatchSender, SenderClosedError
from pipeline.sender.lone_retries import UNDELIVERABLE, LoneRetries

__all__ = ["UNDELIVERABLE", "BatchLimits", "BatchSender", "LoneRetries", "SenderClosedError"]
