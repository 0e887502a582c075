"""For Locust's own command: a client that asks little, `locust -f bench/light_load.py --host http://127.0.0.1:8000`."""

from bench.users import LightUser, ScoringUser
from fraud.settings import load_settings

ScoringUser.api_key = load_settings().client_key()

__all__ = ["LightUser"]
