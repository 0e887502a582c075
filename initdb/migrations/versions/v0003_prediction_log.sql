-- The record of every answer: one row a request, which is written twice as fast as one row a prediction.

-- Records of the time before they were chained have no hashes. They are kept aside, under a name that says so.
DO $$
DECLARE
    name text;
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('public.prediction_requests') AND relkind = 'r') THEN
        DROP VIEW IF EXISTS public.prediction_logs;
        ALTER TABLE public.prediction_requests RENAME TO prediction_requests_unchained;
        ALTER INDEX IF EXISTS public.prediction_requests_pkey RENAME TO prediction_requests_unchained_pkey;
        ALTER INDEX IF EXISTS public.prediction_requests_received_at RENAME TO prediction_requests_unchained_received_at;
        ALTER INDEX IF EXISTS public.prediction_requests_request_id RENAME TO prediction_requests_unchained_request_id;
        REVOKE ALL ON public.prediction_requests_unchained FROM scoring_server;
    END IF;
    IF to_regclass('public.prediction_requests_unchained') IS NOT NULL THEN
        -- PostgreSQL 18 names each NOT NULL, and gave those of the table below other names where these had theirs.
        FOR name IN
            SELECT conname FROM pg_constraint
            WHERE conrelid = 'public.prediction_requests_unchained'::regclass AND contype = 'n'
                AND conname !~ '^prediction_requests_unchained_'
        LOOP
            EXECUTE format(
                'ALTER TABLE public.prediction_requests_unchained RENAME CONSTRAINT %I TO %I',
                name, replace(name, 'prediction_requests_', 'prediction_requests_unchained_')
            );
        END LOOP;
        FOR name IN
            SELECT conname FROM pg_constraint
            WHERE conrelid = to_regclass('public.prediction_requests') AND contype = 'n' AND conname ~ '_not_null1$'
        LOOP
            EXECUTE format(
                'ALTER TABLE public.prediction_requests RENAME CONSTRAINT %I TO %I', name, left(name, -1)
            );
        END LOOP;
        COMMENT ON TABLE public.prediction_requests_unchained IS
            'records of the time before they were chained by hash: kept as they were, and nothing can verify them';
        GRANT SELECT ON public.prediction_requests_unchained TO scoring_auditor;
    END IF;
END
$$;

CREATE TABLE IF NOT EXISTS public.prediction_requests (
    chain_id        uuid NOT NULL,
    sequence        bigint NOT NULL CHECK (sequence > 0),
    recorded_at     timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    request_id      text NOT NULL,
    endpoint        text NOT NULL,
    caller          text NOT NULL,
    model_version   integer NOT NULL,
    model_sha256    bytea NOT NULL,
    load_test       boolean NOT NULL,
    application_ids text[],
    applicant_refs  bytea[],
    features        real[] NOT NULL,
    probabilities   real[] NOT NULL,
    salt            bytea NOT NULL,
    content_digest  bytea NOT NULL,
    hash            bytea NOT NULL,
    PRIMARY KEY (chain_id, sequence, recorded_at),
    CONSTRAINT ten_features_a_row CHECK (cardinality(features) = 10 * cardinality(probabilities)),
    CONSTRAINT one_id_a_row CHECK (application_ids IS NULL OR cardinality(application_ids) = cardinality(probabilities)),
    CONSTRAINT one_ref_a_row CHECK (applicant_refs IS NULL OR cardinality(applicant_refs) = cardinality(probabilities))
) PARTITION BY RANGE (recorded_at);

COMMENT ON COLUMN public.prediction_requests.chain_id IS
    'a server process from its start to its end; its records chain by hash (serve/prediction_log/chain.py)';
COMMENT ON COLUMN public.prediction_requests.sequence IS
    'place in the chain, from 1 without gaps';
COMMENT ON COLUMN public.prediction_requests.recorded_at IS
    'when the record was made: never before that of the record it follows';
COMMENT ON COLUMN public.prediction_requests.application_ids IS
    'as the client gave them, to join later outcomes; NULL = none given, an element may be NULL';
COMMENT ON COLUMN public.prediction_requests.applicant_refs IS
    'HMAC-SHA-256 of what the client sent, under a key that is not in the database';
COMMENT ON COLUMN public.prediction_requests.features IS
    'row after row, ten a row, in the order of the columns of divorce_predictions; NULL = erased';
COMMENT ON COLUMN public.prediction_requests.load_test IS
    'made by a load test: no part of drift, training or an audit';
COMMENT ON COLUMN public.prediction_requests.content_digest IS
    'of salt, ids and features as they were answered; an erasure changes those and never this';

-- Out of line and uncompressed: of random floats the built-in compression saves little and costs most of the time.
ALTER TABLE public.prediction_requests ALTER COLUMN features SET STORAGE EXTERNAL;
ALTER TABLE public.prediction_requests ALTER COLUMN probabilities SET STORAGE EXTERNAL;

CREATE INDEX IF NOT EXISTS prediction_requests_received_at ON public.prediction_requests (received_at);
CREATE INDEX IF NOT EXISTS prediction_requests_request_id ON public.prediction_requests (request_id);
CREATE INDEX IF NOT EXISTS prediction_requests_applicant_refs ON public.prediction_requests USING gin (applicant_refs)
    WHERE applicant_refs IS NOT NULL;

-- How far each chain is in the table: moved in the transaction that writes the records, so a repeated one changes nothing.
CREATE TABLE IF NOT EXISTS public.prediction_chains (
    chain_id uuid PRIMARY KEY,
    sequence bigint NOT NULL,
    hash     bytea NOT NULL
);

-- What was erased: each entry chains to the one before it.
CREATE TABLE IF NOT EXISTS public.prediction_erasures (
    number         bigint PRIMARY KEY,
    erased_at      timestamptz NOT NULL,
    chain_id       uuid NOT NULL,
    sequence       bigint NOT NULL,
    row_numbers    integer[] NOT NULL,
    content_digest bytea NOT NULL,
    hash           bytea NOT NULL
);

COMMENT ON COLUMN public.prediction_erasures.row_numbers IS 'whose features, ids and pseudonyms are gone; the first is 0';
COMMENT ON COLUMN public.prediction_erasures.content_digest IS 'of what was left of the record';

-- What autovacuum is spared in a month of the log. No query asks which numbers are frequent in an array, but to find out,
-- it would read 30,000 requests with all their rows: under load a third of a core for a third of every minute. Of the
-- other columns 3,000 requests tell enough (300 times the target). And a table that is only added to needs no cleaning;
-- what an erasure leaves behind is cleaned up as ever.
-- One landed schema had this function under another name.
DROP FUNCTION IF EXISTS public.spare_from_autovacuum;
CREATE OR REPLACE FUNCTION public.spare_autovacuum(month regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE (
        SELECT format(
            'ALTER TABLE %s %s,'
            ' SET (autovacuum_vacuum_insert_threshold = -1, toast.autovacuum_vacuum_insert_threshold = -1)',
            month,
            string_agg(
                format(
                    'ALTER COLUMN %I SET STATISTICS %s', attname, CASE typcategory WHEN 'A' THEN 0 ELSE 10 END
                ),
                ', '
            )
        )
        FROM pg_attribute
        JOIN pg_type ON pg_type.oid = atttypid
        WHERE attrelid = month AND attnum > 0 AND NOT attisdropped
    );
END
$$;
SELECT public.spare_autovacuum(inhrelid) FROM pg_inherits WHERE inhparent = 'public.prediction_requests'::regclass;

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
    request.load_test,
    request.caller,
    encode(request.model_sha256, 'hex') AS model_sha256
FROM public.prediction_requests AS request
CROSS JOIN LATERAL (SELECT request.features || '{}'::real[] AS elements OFFSET 0) AS matrix
CROSS JOIN LATERAL unnest(request.probabilities, request.application_ids)
    WITH ORDINALITY AS answer (probability, application_id, number);

GRANT INSERT ON public.prediction_requests TO scoring_server;
GRANT SELECT, INSERT, UPDATE ON public.prediction_chains TO scoring_server;
GRANT SELECT ON public.prediction_requests, public.prediction_logs TO scoring_trainer;
GRANT SELECT ON public.prediction_requests, public.prediction_logs, public.prediction_chains, public.prediction_erasures
    TO scoring_auditor;

REVOKE ALL ON FUNCTION public.spare_autovacuum FROM PUBLIC;
