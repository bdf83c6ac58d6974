"""The delivery pipeline: client, rate limiter, batch sender, Kafka worker. Knows nothing of the load test."""
