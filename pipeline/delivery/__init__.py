"""Delivers messages from any source: checks each, sends it in a batch, dead-letters it if need be."""
