"""What operators see of the pipeline: metrics, health and logs."""
