"""For Locust's own command and web page: `locust -f bench/locustfile.py --host http://127.0.0.1:8000`."""

from bench.users import BatchUser, ScoringUser, SingleUser
from fraud.settings import load_settings

# Locust's command line is its own, so the key comes from where all our commands have it.
ScoringUser.api_key = load_settings().client_key()

__all__ = ["BatchUser", "SingleUser"]
