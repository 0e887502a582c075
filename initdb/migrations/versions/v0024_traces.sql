-- The trace (W3C Trace Context) that a recorded request belongs to, so that a trace leads to its records and a record to its
-- trace. It is one of the hashed facts (serve/prediction_log/chain.py). NULL = no trace, as in all earlier records.
ALTER TABLE public.prediction_requests ADD COLUMN trace_id bytea;
ALTER TABLE public.prediction_requests
    ADD CONSTRAINT trace_id_of_16_bytes CHECK (octet_length(trace_id) = 16) NOT VALID;

COMMENT ON COLUMN public.prediction_requests.trace_id IS
    'trace id of the request (W3C Trace Context), 16 bytes; NULL = the request belonged to no trace';

-- Most records have no trace: they are in no page of this index.
CREATE INDEX prediction_requests_trace_id ON public.prediction_requests (trace_id) WHERE trace_id IS NOT NULL;

-- Statistics of the new column are sampled as those of the others (v0003_prediction_log.sql).
SELECT public.spare_autovacuum(inhrelid) FROM pg_inherits WHERE inhparent = 'public.prediction_requests'::regclass;
