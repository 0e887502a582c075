-- Cases of the desk (serve/cases/): an answer that is to be reviewed becomes one case. What happens to it is a journal,
-- chained by hash; the table of cases is what follows from that journal, kept for queries.

-- What points at a person (ids, words) has a salted digest in its event, and stands beside it, so that it can be erased.
CREATE TABLE public.case_events (
    number       bigint PRIMARY KEY CHECK (number > 0),
    at           timestamptz NOT NULL,
    person       text NOT NULL CHECK (person <> ''),
    kind         text NOT NULL CHECK (kind <> ''),
    facts        text NOT NULL CHECK (json_typeof(facts::json) = 'object'),
    hash         bytea NOT NULL CHECK (octet_length(hash) = 32),
    case_number  bigint NOT NULL GENERATED ALWAYS AS (coalesce((facts::jsonb ->> 'case')::bigint, number)) STORED
);
CREATE INDEX case_events_case_number ON public.case_events (case_number, number);

COMMENT ON TABLE public.case_events IS
    'what happened to cases; each event chains by hash to the one before, and says nothing that points at a person';
COMMENT ON COLUMN public.case_events.facts IS 'what else is to be known, one JSON object, hashed as it is written';
COMMENT ON COLUMN public.case_events.case_number IS 'the case that it is about: that of the event which opened it';

CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON public.case_events
    FOR EACH STATEMENT EXECUTE FUNCTION public.journal_only_grows();

CREATE TABLE public.case_contents (
    event    bigint PRIMARY KEY REFERENCES public.case_events,
    content  text NOT NULL CHECK (json_typeof(content::json) = 'object'),
    salt     bytea NOT NULL CHECK (octet_length(salt) = 16)
);

COMMENT ON TABLE public.case_contents IS
    'what events of cases say beside their facts, which name its salted digest; an erasure removes it';

-- No query looks for words, and of a table that an erasure has emptied ANALYZE would keep the statistics, with words in them.
ALTER TABLE public.case_contents ALTER COLUMN content SET STATISTICS 0, ALTER COLUMN salt SET STATISTICS 0;

-- Contents are added and erased, never changed.
CREATE TRIGGER only_grows BEFORE UPDATE OR TRUNCATE ON public.case_contents
    FOR EACH STATEMENT EXECUTE FUNCTION public.journal_only_grows();

CREATE TABLE public.cases (
    number          bigint PRIMARY KEY REFERENCES public.case_events,
    chain_id        uuid NOT NULL,
    sequence        bigint NOT NULL,
    row_number      integer NOT NULL CHECK (row_number >= 0),
    recorded_at     timestamptz NOT NULL,
    application_id  text,
    state           text NOT NULL CHECK (state IN ('new', 'taken', 'waiting', 'decided', 'closed', 'appealed')),
    opened_at       timestamptz NOT NULL,
    due_at          timestamptz NOT NULL,
    holder          text,
    is_escalated    boolean NOT NULL DEFAULT false,
    is_appeal       boolean NOT NULL DEFAULT false,
    decision        text CHECK (decision IN ('no_concern', 'papers', 'visit', 'refer')),
    decided_by      text,
    signed_by       text,
    last_event      bigint NOT NULL REFERENCES public.case_events,
    UNIQUE (chain_id, sequence, row_number),
    CONSTRAINT decided_by_somebody CHECK ((decision IS NULL) = (decided_by IS NULL)),
    CONSTRAINT signed_by_another CHECK (signed_by <> decided_by),
    CONSTRAINT taken_by_somebody CHECK (state <> 'taken' OR holder IS NOT NULL)
);
CREATE INDEX cases_queue ON public.cases (due_at, number) WHERE state IN ('new', 'appealed');
CREATE INDEX cases_application_id ON public.cases (application_id);
CREATE INDEX cases_holder ON public.cases (holder, state);

COMMENT ON TABLE public.cases IS 'cases as they are now: what follows from case_events, which `serve.audit verify` compares';
COMMENT ON COLUMN public.cases.number IS 'that of the event which opened it';
COMMENT ON COLUMN public.cases.chain_id IS 'with sequence and row_number: the answer on record that it is about';
COMMENT ON COLUMN public.cases.recorded_at IS 'of that record: the month that has it';
COMMENT ON COLUMN public.cases.application_id IS 'as the client gave it; NULL: it gave none, or it was erased';
COMMENT ON COLUMN public.cases.holder IS 'the officer who has it; NULL: nobody';
COMMENT ON COLUMN public.cases.is_appeal IS 'somebody else has to decide than those who did before';
COMMENT ON COLUMN public.cases.decision IS 'the last one, which may wait for papers, a visit or a second signature';
COMMENT ON COLUMN public.cases.last_event IS 'the event after which it is like this';

-- How far each chain of the log was looked at for answers that are to be reviewed. Those of before are no cases: nobody
-- wants to begin with all that was ever reviewed.
CREATE TABLE public.case_marks (
    chain_id  uuid PRIMARY KEY,
    sequence  bigint NOT NULL
);
INSERT INTO public.case_marks SELECT chain_id, sequence FROM public.prediction_chains;

COMMENT ON TABLE public.case_marks IS 'up to which record each chain was looked at for cases';

-- What is looked at, and no more: of answers that were decided by a policy. Load tests are none.
CREATE FUNCTION public.decided_requests(chain uuid, after bigint, most integer)
RETURNS TABLE (
    sequence bigint, recorded_at timestamptz, received_at timestamptz, request_id text, endpoint text,
    application_ids text[], probabilities real[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT request.sequence, request.recorded_at, request.received_at, request.request_id, request.endpoint,
        request.application_ids, request.probabilities
    FROM public.prediction_requests AS request
    WHERE request.chain_id = chain AND request.sequence > after AND request.sequence <= after + most
        AND NOT request.load_test AND request.endpoint LIKE '%policy=%'
    ORDER BY request.sequence
$$;

-- The answer that a case is about, as it is on record; features and reasons of an erased one are NULL.
CREATE VIEW public.case_answers WITH (security_barrier) AS
SELECT
    entry.number AS case_number,
    request.request_id,
    request.received_at,
    request.endpoint,
    request.model_version,
    encode(request.model_sha256, 'hex') AS model_sha256,
    request.probabilities[entry.row_number + 1] AS probability,
    request.features[width.features * entry.row_number + 1 : width.features * (entry.row_number + 1)] AS features,
    request.reasons[width.reasons * entry.row_number + 1 : width.reasons * (entry.row_number + 1)] AS reasons,
    request.applicant_refs[entry.row_number + 1] AS applicant
FROM public.cases AS entry
JOIN public.prediction_requests AS request
    ON (request.chain_id, request.sequence, request.recorded_at) = (entry.chain_id, entry.sequence, entry.recorded_at)
CROSS JOIN LATERAL (
    SELECT cardinality(request.features) / nullif(cardinality(request.probabilities), 0) AS features,
        cardinality(request.reasons) / nullif(cardinality(request.probabilities), 0) AS reasons
    OFFSET 0
) AS width;

COMMENT ON VIEW public.case_answers IS 'the answers on record that cases are about: all that the desk sees of the log';

-- Other applications of whoever a case is about, the newest first; load tests are none.
CREATE FUNCTION public.applications_beside(of_case bigint, most integer)
RETURNS TABLE (received_at timestamptz, application_id text, model_version integer, probability real, case_number bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT request.received_at, request.application_ids[place.row], request.model_version,
        request.probabilities[place.row], other.number
    FROM public.cases AS entry
    JOIN public.prediction_requests AS own
        ON (own.chain_id, own.sequence, own.recorded_at) = (entry.chain_id, entry.sequence, entry.recorded_at)
    JOIN public.prediction_requests AS request
        ON request.applicant_refs @> ARRAY[own.applicant_refs[entry.row_number + 1]] AND NOT request.load_test
    CROSS JOIN LATERAL generate_subscripts(request.applicant_refs, 1) AS place (row)
    LEFT JOIN public.cases AS other
        ON (other.chain_id, other.sequence, other.row_number) = (request.chain_id, request.sequence, place.row - 1)
    WHERE entry.number = of_case
        AND own.applicant_refs[entry.row_number + 1] IS NOT NULL
        AND request.applicant_refs[place.row] = own.applicant_refs[entry.row_number + 1]
        AND other.number IS DISTINCT FROM of_case
    ORDER BY request.received_at DESC
    LIMIT most
$$;

-- What became of cases, for the precision of queue and control sample. The text of a function holds no table, so that
-- whoever changes where outcomes are kept replaces it.
CREATE FUNCTION public.case_outcomes()
RETURNS TABLE (case_number bigint, divorced boolean, decided_on date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT entry.number, outcome."Divorce" = 1, outcome.decided_on
    FROM public.cases AS entry
    JOIN public.application_outcomes AS outcome ON outcome.application_id = entry.application_id
$$;

-- What applicants of cases are grouped by beside the features.
CREATE FUNCTION public.case_groups() RETURNS TABLE (case_number bigint, attribute text, value text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT entry.number, applicant.attribute, applicant.value
    FROM public.cases AS entry
    JOIN public.applicant_groups AS applicant ON applicant.application_id = entry.application_id
$$;

REVOKE ALL ON FUNCTION
    public.decided_requests, public.applications_beside, public.case_outcomes, public.case_groups FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.decided_requests TO scoring_server;
GRANT EXECUTE ON FUNCTION public.applications_beside, public.case_outcomes, public.case_groups TO scoring_desk;

GRANT SELECT, INSERT, UPDATE (sequence) ON public.case_marks TO scoring_server;
GRANT SELECT, INSERT (number, at, person, kind, facts, hash) ON public.case_events TO scoring_server, scoring_desk;
GRANT INSERT ON public.case_contents TO scoring_server;
GRANT SELECT, INSERT ON public.case_contents TO scoring_desk;
GRANT INSERT, SELECT (number, chain_id, sequence, row_number) ON public.cases TO scoring_server;
GRANT SELECT, UPDATE (state, due_at, holder, is_escalated, is_appeal, decision, decided_by, signed_by, last_event)
    ON public.cases TO scoring_desk;
GRANT SELECT ON public.case_answers, public.features TO scoring_desk;
GRANT SELECT ON public.cases, public.case_events, public.case_contents, public.case_answers TO scoring_auditor;
