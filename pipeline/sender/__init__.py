"""Collects operations into batches, keeps the order of each person, and returns a result for each."""

from pipeline.sender.batch_sender import BatchLimits, BatchSender, SenderClosedError

__all__ = ["BatchLimits", "BatchSender", "SenderClosedError"]
