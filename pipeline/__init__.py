"""The delivery pipeline: client, rate limiter, batch sender, Kafka worker. It does not use the load test."""
