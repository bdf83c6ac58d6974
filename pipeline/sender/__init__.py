"""Collects operations into batches, keeps each person's order, and tells the fate of each."""
