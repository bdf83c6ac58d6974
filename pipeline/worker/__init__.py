"""``python -m pipeline.worker``: delivers the messages of a Kafka topic, a file or standard input."""
