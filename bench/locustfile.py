"""For Locust's own command and web page: `locust -f bench/locustfile.py --host http://127.0.0.1:8000`."""

from bench.users import BatchUser, SingleUser

__all__ = ["BatchUser", "SingleUser"]
