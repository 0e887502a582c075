-- How each check ended last and when, for the metrics of servers (serve/prediction_log/report_gauges.py).

GRANT SELECT (made_at, verdict) ON public.reports TO scoring_server;

COMMENT ON COLUMN public.service_minutes.buckets IS
    'answered requests by time, as the buckets of scoring_request_duration_seconds are';
