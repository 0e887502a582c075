"""Overload control: load shedding, backpressure and rate limits, so that admitted requests are answered in time."""
