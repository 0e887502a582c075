-- The record of every answer: one row a request, which is written twice as fast as one row a prediction.

CREATE TABLE IF NOT EXISTS public.prediction_requests (
    record_id       uuid PRIMARY KEY,
    request_id      text NOT NULL,
    received_at     timestamptz NOT NULL,
    endpoint        text NOT NULL,
    model_version   integer NOT NULL,
    load_test       boolean NOT NULL DEFAULT false,
    application_ids text[],
    features        real[] NOT NULL,
    probabilities   real[] NOT NULL,
    CONSTRAINT ten_features_a_row CHECK (cardinality(features) = 10 * cardinality(probabilities)),
    CONSTRAINT one_id_a_row CHECK (application_ids IS NULL OR cardinality(application_ids) = cardinality(probabilities))
);

COMMENT ON COLUMN public.prediction_requests.record_id IS
    'made by the server for each record, so that writing one again after a lost connection changes nothing';
COMMENT ON COLUMN public.prediction_requests.application_ids IS
    'as the client gave them, to join later outcomes; NULL = none given, an element may be NULL';
COMMENT ON COLUMN public.prediction_requests.features IS
    'row after row, ten a row, in the order of the columns of divorce_predictions';
COMMENT ON COLUMN public.prediction_requests.load_test IS
    'made by a load test: no part of drift, training or an audit';

-- Out of line and uncompressed: of random floats the built-in compression saves little and costs most of the time.
ALTER TABLE public.prediction_requests ALTER COLUMN features SET STORAGE EXTERNAL;
ALTER TABLE public.prediction_requests ALTER COLUMN probabilities SET STORAGE EXTERNAL;

CREATE INDEX IF NOT EXISTS prediction_requests_received_at ON public.prediction_requests (received_at);
CREATE INDEX IF NOT EXISTS prediction_requests_request_id ON public.prediction_requests (request_id);

-- One row a prediction, for auditors and the drift monitor.
-- `features || '{}'` behind the fence of OFFSET 0 reads a request's stored array once; without it each of its elements
-- would read the whole array again.
CREATE OR REPLACE VIEW public.prediction_logs AS
SELECT
    request.request_id,
    request.received_at AS "timestamp",
    request.model_version,
    answer.probability AS divorce_probability,
    jsonb_build_object(
        'Client_Income',     matrix.elements[10 * answer.number - 9],
        'Credit_Amount',     matrix.elements[10 * answer.number - 8],
        'Loan_Annuity',      matrix.elements[10 * answer.number - 7],
        'Age_Days',          matrix.elements[10 * answer.number - 6],
        'Employed_Days',     matrix.elements[10 * answer.number - 5],
        'Registration_Days', matrix.elements[10 * answer.number - 4],
        'ID_Days',           matrix.elements[10 * answer.number - 3],
        'Phone_Change',      matrix.elements[10 * answer.number - 2],
        'Credit_Bureau',     matrix.elements[10 * answer.number - 1],
        'Education_Days',    matrix.elements[10 * answer.number]
    ) AS features,
    request.endpoint,
    answer.number - 1 AS row_number,
    answer.application_id,
    request.load_test
FROM public.prediction_requests AS request
CROSS JOIN LATERAL (SELECT request.features || '{}'::real[] AS elements OFFSET 0) AS matrix
CROSS JOIN LATERAL unnest(request.probabilities, request.application_ids)
    WITH ORDINALITY AS answer (probability, application_id, number);

GRANT INSERT ON public.prediction_requests TO scoring_server;
GRANT SELECT ON public.prediction_requests, public.prediction_logs TO scoring_trainer;
