-- What the drift monitor compares: applications counted in the bins of the version that answered them, hour by hour.
-- Bins never change once a version has them, so the counts of any hours add up, and a check reads a few hundred rows
-- whatever the volume. Counts are no personal data: retention and erasure leave them as they are.

CREATE TABLE IF NOT EXISTS public.drift_bins (
    model_sha256  bytea NOT NULL,
    model_version integer NOT NULL,
    number        smallint NOT NULL CHECK (number >= 0),
    variable      text NOT NULL,
    thresholds    real[] NOT NULL CHECK (cardinality(thresholds) > 0),
    PRIMARY KEY (model_sha256, model_version, number)
);

COMMENT ON TABLE public.drift_bins IS
    'bins of each version, written as it is registered (fraud/statistics/binning.py says what they are)';
COMMENT ON COLUMN public.drift_bins.number IS
    'order in which variables are counted: the features in the order of their columns, then the probability';

-- Rewritten in place some ten times a second while requests come: half a page is left free for that.
CREATE TABLE IF NOT EXISTS public.drift_hours (
    model_sha256  bytea NOT NULL,
    model_version integer NOT NULL,
    hour          timestamptz NOT NULL,
    applications  bigint NOT NULL CHECK (applications >= 0),
    counts        bigint[],
    PRIMARY KEY (model_sha256, model_version, hour)
) WITH (fillfactor = 50);

COMMENT ON TABLE public.drift_hours IS
    'applications by the hour of prediction_logs.timestamp (UTC), without load tests; kept by the shipper in the transaction that writes their records';
COMMENT ON COLUMN public.drift_hours.applications IS
    'all that the version answered; the counts hold fewer where the version had no bins at the time';
COMMENT ON COLUMN public.drift_hours.counts IS
    'applications in each bin, one variable after the other; NULL = the version has no bins';

CREATE OR REPLACE FUNCTION public.add_counts(mine bigint[], others bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(coalesce(one, 0) + coalesce(other, 0) ORDER BY place)
    FROM unnest(mine, others) WITH ORDINALITY AS pair (one, other, place)
$$;

-- One row a bin, for people.
CREATE OR REPLACE VIEW public.drift_counts AS
SELECT
    encode(hours.model_sha256, 'hex') AS model_sha256,
    hours.model_version,
    hours.hour,
    bins.variable,
    bin,
    hours.counts[bins.first + bin] AS "count"
FROM public.drift_hours AS hours
JOIN (
    SELECT model_sha256, model_version, variable, cardinality(thresholds) AS k,
        (sum(cardinality(thresholds) + 2) OVER before - cardinality(thresholds) - 1)::integer AS first
    FROM public.drift_bins
    WINDOW before AS (PARTITION BY model_sha256, model_version ORDER BY number)
) AS bins USING (model_sha256, model_version)
CROSS JOIN LATERAL generate_series(0, bins.k + 1) AS bin
WHERE hours.counts IS NOT NULL;

-- Logged applications, as the roll-up would count them in the bins of one version. A row whose features are NULL was
-- erased: nobody knows any more what it was. NaN is a value that was missing when the request came.
--   whose = 'own': the version's own answers; 'others': all others'
CREATE OR REPLACE FUNCTION public.count_predictions(
    bins_sha256 bytea, bins_version integer, whose text, since timestamptz, until timestamptz
) RETURNS TABLE (hour timestamptz, applications bigint, counts bigint[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH bins AS (
        SELECT number, thresholds, cardinality(thresholds) AS k,
            sum(cardinality(thresholds) + 2) OVER (ORDER BY number) - cardinality(thresholds) - 2 AS first
        FROM public.drift_bins
        WHERE model_sha256 = bins_sha256 AND model_version = bins_version
    ),
    requests AS NOT MATERIALIZED (
        SELECT date_trunc('hour', received_at, 'UTC') AS hour, features || '{}'::real[] AS elements, probabilities
        FROM public.prediction_requests
        WHERE received_at >= since AND received_at < until AND NOT load_test
            AND ((model_sha256, model_version) = (bins_sha256, bins_version)) = (whose = 'own')
        OFFSET 0
    ),
    answered AS (
        SELECT requests.hour, ((element.place - 1) % 10)::smallint AS number, element.value
        FROM requests, unnest(requests.elements) WITH ORDINALITY AS element (value, place)
        WHERE element.value IS NOT NULL
        UNION ALL
        SELECT requests.hour, 10::smallint, answer.probability
        FROM requests, unnest(requests.probabilities) WITH ORDINALITY AS answer (probability, place)
        WHERE requests.elements[10 * answer.place] IS NOT NULL
    ),
    counted AS (
        SELECT answered.hour, bins.number,
            bins.first
            + CASE WHEN answered.value = 'NaN' THEN bins.k + 1 ELSE width_bucket(answered.value, bins.thresholds) END
            AS place,
            count(*) AS applications
        FROM answered
        JOIN bins USING (number)
        GROUP BY 1, 2, 3
    ),
    hours AS (
        SELECT counted.hour, sum(counted.applications)::bigint AS applications
        FROM counted WHERE number = 0 GROUP BY 1
    ),
    -- Every bin of every hour, whether or not anything is in it; a join would compare each with each.
    filled AS (
        SELECT cell.hour, cell.place, sum(cell.applications)::bigint AS applications
        FROM (
            SELECT counted.hour, counted.place, counted.applications FROM counted
            UNION ALL
            SELECT hours.hour, place, 0
            FROM hours, generate_series(0, (SELECT sum(k + 2) - 1 FROM bins)) AS place
        ) AS cell
        GROUP BY 1, 2
    )
    SELECT hours.hour, hours.applications, array_agg(filled.applications ORDER BY filled.place)
    FROM hours
    JOIN filled ON filled.hour = hours.hour
    GROUP BY hours.hour, hours.applications
$$;

-- Makes the roll-up of the hours from `since` to before `until` (both full hours) anew from the log, of all versions;
-- gives how many rows it has then. Months that retention has dropped can't be counted any more and stay as they are.
-- While it works, shippers that want to count wait: a record is counted by them or here, never by both.
CREATE OR REPLACE FUNCTION public.rebuild_drift_hours(since timestamptz, until timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    oldest timestamptz;
    first_month timestamptz;
    model record;
    written bigint;
    rebuilt bigint := 0;
BEGIN
    IF since <> date_trunc('hour', since, 'UTC') OR until <> date_trunc('hour', until, 'UTC') THEN
        RAISE EXCEPTION 'since and until must be full hours, not % and %', since, until;
    END IF;
    LOCK TABLE public.drift_hours IN SHARE ROW EXCLUSIVE MODE;
    SELECT date_trunc('hour', min(received_at), 'UTC') INTO oldest FROM public.prediction_requests;
    IF oldest IS NULL THEN
        RETURN 0;
    END IF;
    -- Records of a month's last seconds can lie in the next month's partition: what is left of such an hour is no count.
    SELECT min(to_timestamp(right(relname, 6), 'YYYYMM')) INTO first_month
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'public.prediction_requests'::regclass AND relname ~ '^prediction_requests_[0-9]{6}$';
    IF oldest = first_month - interval '1 hour' THEN
        oldest := first_month;
    END IF;
    since := greatest(since, oldest);
    DELETE FROM public.drift_hours WHERE drift_hours.hour >= since AND drift_hours.hour < until;
    FOR model IN
        SELECT DISTINCT request.model_sha256, request.model_version FROM public.prediction_requests AS request
        WHERE request.received_at >= since AND request.received_at < until AND NOT request.load_test
    LOOP
        IF EXISTS (
            SELECT FROM public.drift_bins
            WHERE (drift_bins.model_sha256, drift_bins.model_version) = (model.model_sha256, model.model_version)
        ) THEN
            INSERT INTO public.drift_hours
            SELECT model.model_sha256, model.model_version, found.*
            FROM public.count_predictions(model.model_sha256, model.model_version, 'own', since, until) AS found;
        ELSE
            INSERT INTO public.drift_hours
            SELECT model.model_sha256, model.model_version, date_trunc('hour', request.received_at, 'UTC'),
                sum(cardinality(request.probabilities)), NULL
            FROM public.prediction_requests AS request
            WHERE (request.model_sha256, request.model_version) = (model.model_sha256, model.model_version)
                AND request.received_at >= since AND request.received_at < until AND NOT request.load_test
            GROUP BY 3;
        END IF;
        GET DIAGNOSTICS written = ROW_COUNT;
        rebuilt := rebuilt + written;
    END LOOP;
    RETURN rebuilt;
END
$$;

-- Every check that was made, for people, later checks and /metrics.
CREATE TABLE IF NOT EXISTS public.drift_checks (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    checked_at    timestamptz NOT NULL,
    today         date NOT NULL,
    model_name    text NOT NULL,
    model_version integer,
    model_sha256  bytea,
    verdict       text NOT NULL,
    reasons       text[] NOT NULL,
    windows       jsonb NOT NULL
);

COMMENT ON COLUMN public.drift_checks.today IS 'the check saw full days (UTC) before this one';
COMMENT ON COLUMN public.drift_checks.windows IS 'of each window: name, verdict, applications, PSI by variable';

CREATE INDEX IF NOT EXISTS drift_checks_model ON public.drift_checks (model_name, number);

-- Who asked to train again because of drift, and whether it was granted.
CREATE TABLE IF NOT EXISTS public.retrainings (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    claimed_at    timestamptz NOT NULL,
    today         date NOT NULL,
    model_name    text NOT NULL,
    model_version integer NOT NULL,
    model_sha256  bytea NOT NULL,
    check_number  bigint NOT NULL REFERENCES public.drift_checks,
    granted       boolean NOT NULL,
    reason        text NOT NULL
);

COMMENT ON COLUMN public.retrainings.model_version IS 'whose reference the applicants have drifted from';
COMMENT ON COLUMN public.retrainings.reason IS 'why to train again, or why not';

CREATE INDEX IF NOT EXISTS retrainings_model ON public.retrainings (model_name, number);

REVOKE ALL ON FUNCTION public.add_counts, public.count_predictions, public.rebuild_drift_hours FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.add_counts TO scoring_server;
GRANT EXECUTE ON FUNCTION public.count_predictions, public.rebuild_drift_hours TO scoring_trainer;
GRANT SELECT, INSERT, UPDATE ON public.drift_hours TO scoring_server;
GRANT SELECT ON public.drift_bins, public.drift_checks, public.retrainings TO scoring_server;
GRANT SELECT, INSERT ON public.drift_bins, public.drift_checks, public.retrainings TO scoring_trainer;
GRANT SELECT ON public.drift_hours, public.drift_counts TO scoring_trainer;
GRANT SELECT ON public.drift_bins, public.drift_hours, public.drift_counts, public.drift_checks, public.retrainings
    TO scoring_auditor;
