-- The reasons that an answer gave (`reasons=K`), as they are hashed: row after row, of each the K weightiest features, each
-- as its number, from 0 in the order of public.features, and its effect on the log-odds. NULL = the answer gave none, and
-- so are those of all records of before; NULL elements = erased.
ALTER TABLE public.prediction_requests ADD COLUMN reasons real[];
ALTER TABLE public.prediction_requests ALTER COLUMN reasons SET STORAGE EXTERNAL;
ALTER TABLE public.prediction_requests
    ADD CONSTRAINT as_many_reasons_a_row CHECK (
        reasons IS NULL
        OR (cardinality(reasons) > 0 AND cardinality(reasons) % nullif(2 * cardinality(probabilities), 0) = 0) IS TRUE
    ) NOT VALID,
    ADD CONSTRAINT reasons_from_1 CHECK (
        reasons IS NULL OR (array_ndims(reasons) = 1 AND array_lower(reasons, 1) = 1)
    ) NOT VALID;

COMMENT ON COLUMN public.prediction_requests.reasons IS
    'row after row: K pairs of a feature, from 0 in the order of public.features, and its effect on the log-odds, the '
    'weightiest first; NULL = the answer gave none, an element = erased';

-- Of the new column nobody asks which numbers are frequent either (v0003_prediction_log.sql).
SELECT public.spare_autovacuum(inhrelid) FROM pg_inherits WHERE inhparent = 'public.prediction_requests'::regclass;

-- One row a prediction, for auditors and the drift monitor, with the reasons that were given, the weightiest first; NULL
-- where none were, or they are erased.
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
    encode(request.model_sha256, 'hex') AS model_sha256,
    CASE WHEN given.elements[given.width * answer.number] IS NOT NULL THEN (
        SELECT jsonb_agg(
            jsonb_build_object('field', feature.name, 'effect', given.elements[place.effect]) ORDER BY place.effect
        )
        FROM generate_series(
            given.width * (answer.number - 1) + 2, given.width * answer.number, 2
        ) AS place (effect)
        LEFT JOIN public.features AS feature ON feature.position = given.elements[place.effect - 1] + 1
    ) END AS reasons
FROM public.prediction_requests AS request
CROSS JOIN LATERAL (
    SELECT request.features || '{}'::real[] AS elements,
        cardinality(request.features) / nullif(cardinality(request.probabilities), 0) AS width
    OFFSET 0
) AS matrix
CROSS JOIN LATERAL (
    SELECT request.reasons || '{}'::real[] AS elements,
        cardinality(request.reasons) / nullif(cardinality(request.probabilities), 0) AS width
    OFFSET 0
) AS given
CROSS JOIN LATERAL unnest(request.probabilities, request.application_ids)
    WITH ORDINALITY AS answer (probability, application_id, number);
