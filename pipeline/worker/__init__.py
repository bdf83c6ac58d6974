"""``python -m pipeline.worker``: delivers what a Kafka topic, a file or standard input holds."""
