-- What a version that does not answer would have answered (SHADOW_ALIAS): a row for each record that it scored too. No
-- part of the record: nothing is chained to it, and a record without a row only means that none was drawn or kept.

CREATE TABLE public.shadow_predictions (
    chain_id      uuid NOT NULL,
    sequence      bigint NOT NULL CHECK (sequence > 0),
    recorded_at   timestamptz NOT NULL,
    model_version integer,
    model_sha256  bytea,
    probabilities real[],
    PRIMARY KEY (chain_id, sequence, recorded_at),
    CONSTRAINT all_or_nothing CHECK (num_nonnulls(model_version, model_sha256, probabilities) IN (0, 3)),
    CONSTRAINT probabilities_from_1 CHECK (
        probabilities IS NULL OR (array_ndims(probabilities) = 1 AND array_lower(probabilities, 1) = 1) IS TRUE
    )
) PARTITION BY RANGE (recorded_at);

COMMENT ON TABLE public.shadow_predictions IS
    'probabilities of a version that shadows the one in charge, written by the shipper and never awaited';
COMMENT ON COLUMN public.shadow_predictions.sequence IS
    'with chain_id and recorded_at the place of the record in prediction_requests';
COMMENT ON COLUMN public.shadow_predictions.model_version IS 'the version that shadows, not the one that answered';
COMMENT ON COLUMN public.shadow_predictions.probabilities IS
    'row by row as the record has them; NULL element = erased; NULL = erased before it could come';

ALTER TABLE public.shadow_predictions ALTER COLUMN probabilities SET STORAGE EXTERNAL;

-- The month of a moment, which the log must have: what shadows it goes when it goes. A function of its own, so that no
-- fault of the shadow's table keeps a month of the log from being made.
CREATE FUNCTION public.make_shadow_partition(moment timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    month  timestamp := date_trunc('month', moment AT TIME ZONE 'UTC');
    name   text := 'shadow_predictions_' || to_char(month, 'YYYYMM');
    shadow regclass := 'public.shadow_predictions';
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_inherits
        WHERE inhparent = 'public.prediction_requests'::regclass
            AND inhrelid = to_regclass('public.prediction_requests_' || to_char(month, 'YYYYMM'))
    ) THEN
        RAISE EXCEPTION 'moment is %, expected one in a month of the log', moment;
    END IF;
    IF to_regclass('public.' || name) IS NULL THEN
        PERFORM pg_advisory_xact_lock(7211976);
    END IF;
    IF to_regclass('public.' || name) IS NULL THEN
        EXECUTE format('CREATE TABLE public.%I (LIKE %s INCLUDING ALL EXCLUDING COMMENTS)', name, shadow);
        PERFORM public.spare_autovacuum(format('public.%I', name)::regclass);
        EXECUTE format(
            'ALTER TABLE %s ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            shadow, name, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC'
        );
    END IF;
END
$$;

-- As before; now the month's shadows are dropped with it, and those of earlier months that may have been left. Not when
-- the month itself is dropped: a backup keeps months from being detached while it reads, and names all tables before.
CREATE OR REPLACE FUNCTION public.detach_expired_predictions(keep_months integer, month text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    shadow text;
BEGIN
    IF month IS NULL OR month NOT IN (SELECT public.expired_prediction_partitions(keep_months)) THEN
        RAISE EXCEPTION 'month is %, expected one that is expired', month;
    END IF;
    FOR shadow IN
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = to_regclass('public.shadow_predictions')
            AND relname ~ '^shadow_predictions_[0-9]{6}$' AND right(relname, 6) <= right(month, 6)
    LOOP
        LOCK TABLE ONLY public.shadow_predictions IN ACCESS EXCLUSIVE MODE NOWAIT;
        EXECUTE format('LOCK TABLE ONLY public.%I IN ACCESS EXCLUSIVE MODE NOWAIT', shadow);
        EXECUTE format('DROP TABLE public.%I', shadow);
    END LOOP;
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = format('public.%I', month)::regclass AND inhdetachpending) THEN
        EXECUTE format('ALTER TABLE public.prediction_requests DETACH PARTITION public.%I FINALIZE', month);
    ELSE
        -- Whoever asks without waiting stands in nobody's way.
        LOCK TABLE ONLY public.prediction_requests IN ACCESS EXCLUSIVE MODE NOWAIT;
        EXECUTE format('LOCK TABLE ONLY public.%I IN ACCESS EXCLUSIVE MODE NOWAIT', month);
        EXECUTE format('ALTER TABLE public.prediction_requests DETACH PARTITION public.%I', month);
    END IF;
    EXECUTE format('ALTER TABLE public.%I RENAME TO %I', month, month || '_expired');
END
$$;

-- One row a prediction that was shadowed: what was answered beside what would have been.
CREATE VIEW public.shadow_logs AS
SELECT
    request.request_id,
    request.received_at AS "timestamp",
    answer.number - 1 AS row_number,
    answer.application_id,
    request.model_version,
    answer.probability AS divorce_probability,
    shadow.model_version AS shadow_version,
    answer.shadow_probability,
    encode(shadow.model_sha256, 'hex') AS shadow_sha256
FROM public.shadow_predictions AS shadow
JOIN public.prediction_requests AS request USING (chain_id, sequence, recorded_at)
CROSS JOIN LATERAL unnest(request.probabilities, shadow.probabilities, request.application_ids)
    WITH ORDINALITY AS answer (probability, shadow_probability, application_id, number)
WHERE shadow.probabilities IS NOT NULL;

REVOKE ALL ON FUNCTION public.make_shadow_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.make_shadow_partition TO scoring_server;
GRANT INSERT ON public.shadow_predictions TO scoring_server;
GRANT SELECT ON public.shadow_predictions, public.shadow_logs TO scoring_trainer, scoring_auditor;
