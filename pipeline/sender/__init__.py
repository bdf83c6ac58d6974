"""Collects operations into batches, keeps each person's order, and tells the fate of each."""

from pipeline.sender.batch_sender import BatchLimits, BatchSender, SenderClosedError

__all__ = ["BatchLimits", "BatchSender", "SenderClosedError"]
