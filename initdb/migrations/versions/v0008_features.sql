-- The features by name, as `fraud/features.toml` declares them, or the file that FEATURES_FILE names: every start writes
-- them here. A record holds its rows' values one after the other and in this order; one of before may hold fewer of them.

CREATE TABLE public.features (
    position integer PRIMARY KEY CHECK (position > 0),
    name     text NOT NULL UNIQUE
);

COMMENT ON TABLE public.features IS 'names of what prediction_requests.features holds of each row; positions count from 1';

-- A database of before holds these.
INSERT INTO public.features
SELECT number, name
FROM unnest(ARRAY[
    'Client_Income', 'Credit_Amount', 'Loan_Annuity', 'Age_Days', 'Employed_Days', 'Registration_Days', 'ID_Days',
    'Phone_Change', 'Credit_Bureau', 'Education_Days'
]) WITH ORDINALITY AS feature (name, number)
WHERE EXISTS (SELECT FROM public.prediction_requests) OR EXISTS (SELECT FROM public.divorce_predictions);

-- As many values for each row. A month that was made beside the table and attached has a constraint of its own.
DO $$
DECLARE
    month regclass;
BEGIN
    ALTER TABLE public.prediction_requests DROP CONSTRAINT ten_features_a_row;
    FOR month IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.prediction_requests'::regclass LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS ten_features_a_row', month);
    END LOOP;
END
$$;
ALTER TABLE public.prediction_requests ADD CONSTRAINT as_many_features_a_row
    CHECK (
        CASE cardinality(probabilities)
            WHEN 0 THEN cardinality(features) = 0
            ELSE cardinality(features) > 0 AND cardinality(features) % cardinality(probabilities) = 0
        END
    ) NOT VALID;

-- One row a prediction, for auditors and the drift monitor. A feature that was missing is null; of a row that was erased
-- `features` as a whole is NULL.
-- `features || '{}'` behind the fence of OFFSET 0 reads a request's stored array once; without it each of its elements
-- would read the whole array again.
CREATE OR REPLACE VIEW public.prediction_logs AS
SELECT
    request.request_id,
    request.received_at AS "timestamp",
    request.model_version,
    answer.probability AS divorce_probability,
    CASE WHEN matrix.elements[matrix.width * answer.number] IS NOT NULL THEN (
        SELECT jsonb_object_agg(
            feature.name, nullif(matrix.elements[matrix.width * (answer.number - 1) + feature.position], 'NaN')
        )
        FROM public.features AS feature
        WHERE feature.position <= matrix.width
    ) END AS features,
    request.endpoint,
    answer.number - 1 AS row_number,
    answer.application_id,
    request.load_test,
    request.caller,
    encode(request.model_sha256, 'hex') AS model_sha256
FROM public.prediction_requests AS request
CROSS JOIN LATERAL (
    SELECT request.features || '{}'::real[] AS elements,
        cardinality(request.features) / nullif(cardinality(request.probabilities), 0) AS width
    OFFSET 0
) AS matrix
CROSS JOIN LATERAL unnest(request.probabilities, request.application_ids)
    WITH ORDINALITY AS answer (probability, application_id, number);

-- A logged application with its outcome, as training reads it: dated by the day (UTC) of its last answer, with the
-- features of that answer, in the order of public.features. Load tests and erased rows are none.
DROP VIEW public.labelled_predictions;
CREATE VIEW public.labelled_predictions AS
SELECT DISTINCT ON (answer.application_id)
    answer.application_id,
    (request.received_at AT TIME ZONE 'UTC')::date AS "Date",
    matrix.elements[matrix.width * (answer.place - 1) + 1 : matrix.width * answer.place] AS features,
    outcome."Divorce",
    outcome.decided_on,
    answer.probability,
    request.received_at,
    request.model_sha256,
    request.model_version
FROM public.prediction_requests AS request
CROSS JOIN LATERAL (
    SELECT request.features || '{}'::real[] AS elements,
        cardinality(request.features) / nullif(cardinality(request.probabilities), 0) AS width
    OFFSET 0
) AS matrix
CROSS JOIN LATERAL unnest(request.probabilities, request.application_ids)
    WITH ORDINALITY AS answer (probability, application_id, place)
JOIN public.application_outcomes AS outcome ON outcome.application_id = answer.application_id
WHERE request.application_ids IS NOT NULL
    AND NOT request.load_test
    AND matrix.elements[matrix.width * answer.place] IS NOT NULL
ORDER BY answer.application_id, request.received_at DESC, answer.place DESC;

-- Logged applications, as the roll-up would count them in the bins of one version. A row whose features are NULL was
-- erased: nobody knows any more what it was. NaN is a value that was missing when the request came. A version that knows
-- more features than another, which come last, has them counted in its own answers only.
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
        SELECT date_trunc('hour', received_at, 'UTC') AS hour, features || '{}'::real[] AS elements, probabilities,
            cardinality(features) / nullif(cardinality(probabilities), 0) AS width
        FROM public.prediction_requests
        WHERE received_at >= since AND received_at < until AND NOT load_test
            AND ((model_sha256, model_version) = (bins_sha256, bins_version)) = (whose = 'own')
        OFFSET 0
    ),
    answered AS (
        SELECT requests.hour, ((element.place - 1) % requests.width)::smallint AS number, element.value
        FROM requests, unnest(requests.elements) WITH ORDINALITY AS element (value, place)
        WHERE element.value IS NOT NULL AND (element.place - 1) % requests.width < (SELECT max(number) FROM bins)
        UNION ALL
        SELECT requests.hour, (SELECT max(number) FROM bins), answer.probability
        FROM requests, unnest(requests.probabilities) WITH ORDINALITY AS answer (probability, place)
        WHERE requests.elements[requests.width * answer.place] IS NOT NULL
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

REVOKE ALL ON FUNCTION public.count_predictions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.count_predictions TO scoring_trainer;
GRANT SELECT ON public.labelled_predictions TO scoring_trainer;
GRANT SELECT ON public.features TO scoring_server, scoring_trainer, scoring_auditor;
