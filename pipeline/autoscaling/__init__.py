"""The workers' Deployment, and the arithmetic by which Kubernetes' HorizontalPodAutoscaler scales it."""
