-- Where outcomes are known of those only who were looked at, they are no sample of all who apply. Each then stands for
-- 1 / looked_at_probability applications like it (Horvitz & Thompson 1952), in training, gate and monitor.

ALTER TABLE public.application_outcomes
    ADD COLUMN looked_at_probability real NOT NULL DEFAULT 1
        CHECK (looked_at_probability > 0 AND looked_at_probability <= 1);

COMMENT ON COLUMN public.application_outcomes.looked_at_probability IS
    'how likely it was that this outcome would be known: 1 where outcomes are known of everybody, and of who was reviewed '
    'for the probability; of the control sample its share';

-- A logged application with its outcome, as training reads it: dated by the day (UTC) of its last answer, with the
-- features of that answer, in the order of public.features. Load tests and erased rows are none.
CREATE OR REPLACE VIEW public.labelled_predictions AS
SELECT DISTINCT ON (answer.application_id)
    answer.application_id,
    (request.received_at AT TIME ZONE 'UTC')::date AS "Date",
    matrix.elements[matrix.width * (answer.place - 1) + 1 : matrix.width * answer.place] AS features,
    outcome."Divorce",
    outcome.decided_on,
    answer.probability,
    request.received_at,
    request.model_sha256,
    request.model_version,
    outcome.looked_at_probability
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
