"""What Locust loads: every kind of user in ``users/``, the shape that they share, and their wiring."""

from locust import events

from engine.launch import register, user_classes
from shapes.ramping_arrival_rate import RampingArrivalRate

__all__ = ["RampingArrivalRate"]

# Locust looks for user classes among a locustfile's names.
globals().update(user_classes())

register(events)
