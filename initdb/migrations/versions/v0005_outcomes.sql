-- What became of applications that were scored: loaded by the agency, one row an application, for training.

CREATE TABLE IF NOT EXISTS public.application_outcomes (
    application_id text PRIMARY KEY,
    "Divorce"      smallint NOT NULL CHECK ("Divorce" IN (0, 1)),
    decided_on     date NOT NULL
);

COMMENT ON TABLE public.application_outcomes IS
    'outcomes of logged applications, joined by the application_id that the client sent';
COMMENT ON COLUMN public.application_outcomes.decided_on IS
    'the day on which this was known';

-- A logged application with its outcome, as training reads it: in the columns of divorce_predictions, dated by the day
-- (UTC) of its last answer, with the features of that answer. Load tests and erased rows are none.
CREATE OR REPLACE VIEW public.labelled_predictions AS
SELECT DISTINCT ON (answer.application_id)
    answer.application_id,
    (request.received_at AT TIME ZONE 'UTC')::date AS "Date",
    matrix.elements[10 * answer.place - 9] AS "Client_Income",
    matrix.elements[10 * answer.place - 8] AS "Credit_Amount",
    matrix.elements[10 * answer.place - 7] AS "Loan_Annuity",
    matrix.elements[10 * answer.place - 6] AS "Age_Days",
    matrix.elements[10 * answer.place - 5] AS "Employed_Days",
    matrix.elements[10 * answer.place - 4] AS "Registration_Days",
    matrix.elements[10 * answer.place - 3] AS "ID_Days",
    matrix.elements[10 * answer.place - 2] AS "Phone_Change",
    matrix.elements[10 * answer.place - 1] AS "Credit_Bureau",
    matrix.elements[10 * answer.place] AS "Education_Days",
    outcome."Divorce",
    outcome.decided_on,
    answer.probability,
    request.received_at,
    request.model_sha256,
    request.model_version
FROM public.prediction_requests AS request
CROSS JOIN LATERAL (SELECT request.features || '{}'::real[] AS elements OFFSET 0) AS matrix
CROSS JOIN LATERAL unnest(request.probabilities, request.application_ids)
    WITH ORDINALITY AS answer (probability, application_id, place)
JOIN public.application_outcomes AS outcome ON outcome.application_id = answer.application_id
WHERE request.application_ids IS NOT NULL
    AND NOT request.load_test
    AND matrix.elements[10 * answer.place - 9] IS NOT NULL
ORDER BY answer.application_id, request.received_at DESC, answer.place DESC;

GRANT SELECT ON public.application_outcomes, public.labelled_predictions TO scoring_trainer;
