"""What Locust loads: the user classes in ``users/``, the load shape, and the load test's listeners."""

from locust import events

from engine.launch import register, user_classes
from shapes.ramping_arrival_rate import RampingArrivalRate

__all__ = ["RampingArrivalRate"]

# Locust looks for user classes among a locustfile's names.
globals().update(user_classes())

register(events)
