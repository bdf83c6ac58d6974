"""What Locust loads: two kinds of users, one shape, and the wiring between them."""

from locust import events

from engine.launch import register
from shapes.ramping_arrival_rate import RampingArrivalRate
from users.identify import IdentifyUser
from users.track import TrackUser

__all__ = ["IdentifyUser", "RampingArrivalRate", "TrackUser"]

register(events)
