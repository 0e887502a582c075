"""Notices are sent to people: by a webhook, by mail; and alerts of the running server become notices."""
