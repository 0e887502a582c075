-- Outcomes with their history (serve/labels/). Each entry has two times: `valid_on`, the day that the outcome is of, and
-- `recorded_at`, when it came here. A correction, a withdrawal or another weight is an entry of its own; what was written
-- is never changed, except that an erasure blanks it and says so by an entry. Each entry chains by hash to the one before:
--   digest = SHA-256(salt | application_id, Divorce, valid_on, source, looked_at_probability)
--   hash   = SHA-256(hash of the entry before | number, recorded_at in microseconds, author, act, erases | digest)
-- where each text has its length in front, so that no two lists of texts are written alike.

CREATE TABLE public.label_submissions (
    number       bigint PRIMARY KEY CHECK (number > 0),
    recorded_at  timestamptz NOT NULL,
    author       text NOT NULL CHECK (author <> ''),
    key          text NOT NULL CHECK (key <> ''),
    digest       bytea CHECK (octet_length(digest) = 32),
    recorded     integer NOT NULL,
    corrected    integer NOT NULL,
    withdrawn    integer NOT NULL,
    unchanged    integer NOT NULL,
    UNIQUE (author, key)
);

COMMENT ON TABLE public.label_submissions IS 'labels that were sent in one request, upload or file, each once by its key';
COMMENT ON COLUMN public.label_submissions.digest IS
    'SHA-256 of the labels, so that a key is not used for others; NULL once one of them was erased';

CREATE TABLE public.outcomes (
    number                 bigint PRIMARY KEY CHECK (number > 0),
    recorded_at            timestamptz NOT NULL,
    author                 text NOT NULL CHECK (author <> ''),
    act                    text NOT NULL
        CHECK (act IN ('outcome', 'correction', 'withdrawal', 'weighing', 'erasure')),
    submission             bigint REFERENCES public.label_submissions,
    application_id         text CHECK (application_id <> ''),
    "Divorce"              smallint CHECK ("Divorce" IN (0, 1)),
    valid_on               date,
    source                 text CHECK (source <> ''),
    looked_at_probability  real CHECK (looked_at_probability > 0 AND looked_at_probability <= 1),
    salt                   bytea,
    erases                 bigint[],
    digest                 bytea CHECK (octet_length(digest) = 32),
    hash                   bytea NOT NULL CHECK (octet_length(hash) = 32),
    CONSTRAINT content_of_its_act CHECK (
        CASE WHEN act = 'erasure' THEN erases IS NOT NULL AND digest IS NULL
            ELSE erases IS NULL AND digest IS NOT NULL END
        AND (
            num_nonnulls(application_id, "Divorce", valid_on, source, looked_at_probability, salt) = 0
            OR num_nonnulls(application_id, valid_on, source, looked_at_probability, salt) = 5
                AND ("Divorce" IS NULL) = (act = 'withdrawal')
        )
    )
);
CREATE INDEX outcomes_application ON public.outcomes (application_id, number DESC) WHERE application_id IS NOT NULL;
CREATE INDEX outcomes_submission ON public.outcomes (submission) WHERE submission IS NOT NULL;

COMMENT ON TABLE public.outcomes IS
    'what became of applications, as it was told: only grows, each entry chained by hash to the one before';
COMMENT ON COLUMN public.outcomes.recorded_at IS
    'record time; of outcomes from before this table the day (UTC) on which they said that it was known';
COMMENT ON COLUMN public.outcomes.author IS 'the client, person or login that told it';
COMMENT ON COLUMN public.outcomes.valid_on IS
    'valid time: day of the divorce, day on which the couple was seen married, or day of the withdrawal; of outcomes from '
    'before this table the day on which it was known';
COMMENT ON COLUMN public.outcomes.looked_at_probability IS
    'how likely it was that this outcome would be known: 1 where outcomes are known of everybody, and of who was reviewed '
    'for the probability; of the control sample its share';
COMMENT ON COLUMN public.outcomes.erases IS 'numbers of entries that an erasure blanked';

CREATE FUNCTION public.hashed_text(what text) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN what IS NULL THEN '\x2d3a'::bytea
        ELSE pg_catalog.convert_to(pg_catalog.octet_length(what)::text || ':' || what, 'UTF8') END
$$;

-- One entry at the end of the chain; gives its number. Whoever appends holds a lock until the end of the transaction, and
-- takes the time behind it, so that no entry with an earlier time is committed after one with a later.
CREATE FUNCTION public.append_outcome(
    at timestamptz, by text, act text, submission bigint, application_id text, divorce integer, valid_on date,
    source text, looked_at_probability real, erases bigint[] DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last_number bigint := 0;
    last_at     timestamptz := '-infinity';
    last_hash   bytea := decode(repeat('00', 32), 'hex');
    salt        bytea;
    digest      bytea;
    moment      timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('outcomes', 0));
    SELECT entry.number, entry.recorded_at, entry.hash INTO last_number, last_at, last_hash
    FROM public.outcomes AS entry ORDER BY entry.number DESC LIMIT 1;
    IF NOT FOUND THEN
        last_number := 0;
        last_at := '-infinity';
        last_hash := decode(repeat('00', 32), 'hex');
    END IF;
    moment := greatest(coalesce(at, clock_timestamp()), last_at);
    IF act <> 'erasure' THEN
        salt := uuid_send(gen_random_uuid());
        digest := sha256(
            salt || public.hashed_text(application_id) || public.hashed_text(divorce::text)
            || public.hashed_text(to_char(valid_on, 'YYYY-MM-DD')) || public.hashed_text(source)
            || public.hashed_text(encode(float4send(looked_at_probability), 'hex'))
        );
    END IF;
    INSERT INTO public.outcomes VALUES (
        last_number + 1, moment, by, act, submission, application_id, divorce, valid_on, source, looked_at_probability,
        salt, erases, digest,
        sha256(
            last_hash || public.hashed_text((last_number + 1)::text)
            || public.hashed_text((extract(epoch FROM moment) * 1000000)::bigint::text)
            || public.hashed_text(by) || public.hashed_text(act) || public.hashed_text(array_to_string(erases, ','))
            || coalesce(digest, ''::bytea)
        )
    );
    RETURN last_number + 1;
END
$$;

-- What was known before a moment: of each application the last entry that was recorded before it, unless that withdraws.
-- Whoever reads outcomes reads them here; 'infinity' is all that is known now.
CREATE FUNCTION public.outcomes_known(before timestamptz)
RETURNS TABLE (
    application_id text, "Divorce" smallint, valid_on date, looked_at_probability real, source text,
    recorded_at timestamptz
)
LANGUAGE sql STABLE AS $$
    SELECT last.application_id, last."Divorce", last.valid_on, last.looked_at_probability, last.source, last.recorded_at
    FROM (
        SELECT DISTINCT ON (entry.application_id)
            entry.application_id, entry.act, entry."Divorce", entry.valid_on, entry.looked_at_probability, entry.source,
            entry.recorded_at
        FROM public.outcomes AS entry
        WHERE entry.recorded_at < before AND entry.application_id IS NOT NULL
        ORDER BY entry.application_id, entry.number DESC
    ) AS last
    WHERE last.act <> 'withdrawal'
$$;

-- Outcomes of before, in the order in which they said they were known.
ALTER TABLE public.application_outcomes RENAME TO outcomes_of_before;
SELECT count(public.append_outcome(
    least(decided_on::timestamp AT TIME ZONE 'UTC', now()), 'upgrade', 'outcome', NULL, application_id, "Divorce",
    decided_on, 'application_outcomes', looked_at_probability
))
FROM (
    SELECT * FROM public.outcomes_of_before ORDER BY decided_on, application_id COLLATE "C"
) AS before;

-- Logged applications with their outcomes, as they were known before a moment: dated by the day (UTC) of the last answer
-- until then, with the features of that answer, in the order of public.features. Load tests and erased rows are none.
CREATE FUNCTION public.labelled_predictions_known(before timestamptz)
RETURNS TABLE (
    application_id text, "Date" date, features real[], "Divorce" smallint, decided_on date, probability real,
    received_at timestamptz, model_sha256 bytea, model_version integer, looked_at_probability real
)
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (answer.application_id)
        answer.application_id,
        (request.received_at AT TIME ZONE 'UTC')::date,
        matrix.elements[matrix.width * (answer.place - 1) + 1 : matrix.width * answer.place],
        outcome."Divorce",
        outcome.valid_on,
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
    JOIN public.outcomes_known(before) AS outcome ON outcome.application_id = answer.application_id
    WHERE request.application_ids IS NOT NULL
        AND NOT request.load_test
        AND request.received_at < before
        AND matrix.elements[matrix.width * answer.place] IS NOT NULL
    ORDER BY answer.application_id, request.received_at DESC, answer.place DESC
$$;

CREATE OR REPLACE VIEW public.labelled_predictions AS
SELECT * FROM public.labelled_predictions_known('infinity');

DROP TABLE public.outcomes_of_before;

-- The name of before: what is known now. Writing to it writes entries, so that it leaves a trace as well.
CREATE VIEW public.application_outcomes AS
SELECT application_id, "Divorce", valid_on AS decided_on, looked_at_probability
FROM public.outcomes_known('infinity');
ALTER VIEW public.application_outcomes ALTER COLUMN looked_at_probability SET DEFAULT 1;

COMMENT ON VIEW public.application_outcomes IS
    'outcomes as they are known now, joined by the application_id that the client sent; public.outcomes has their history';

CREATE FUNCTION public.write_application_outcome() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here constant text := 'application_outcomes';
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('outcomes', 0));
    IF TG_OP = 'DELETE' THEN
        PERFORM public.append_outcome(
            NULL, session_user, 'withdrawal', NULL, OLD.application_id, NULL, (now() AT TIME ZONE 'UTC')::date, here,
            OLD.looked_at_probability
        );
        RETURN OLD;
    END IF;
    IF NEW.looked_at_probability IS NULL THEN
        RAISE not_null_violation USING MESSAGE = 'looked_at_probability of application_outcomes may not be missing';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM public.outcomes_known('infinity') AS known
                WHERE known.application_id = NEW.application_id) THEN
            RAISE unique_violation USING MESSAGE = 'application_outcomes has this application_id already';
        END IF;
        PERFORM public.append_outcome(
            NULL, session_user, 'outcome', NULL, NEW.application_id, NEW."Divorce", NEW.decided_on, here,
            NEW.looked_at_probability
        );
    ELSIF NEW.application_id <> OLD.application_id THEN
        RAISE EXCEPTION 'an outcome stays with its application_id: delete it, and insert another one';
    ELSIF (NEW."Divorce", NEW.decided_on) IS DISTINCT FROM (OLD."Divorce", OLD.decided_on) THEN
        PERFORM public.append_outcome(
            NULL, session_user, 'correction', NULL, NEW.application_id, NEW."Divorce", NEW.decided_on, here,
            NEW.looked_at_probability
        );
    ELSIF NEW.looked_at_probability <> OLD.looked_at_probability THEN
        PERFORM public.append_outcome(
            NULL, session_user, 'weighing', NULL, NEW.application_id, NEW."Divorce", NEW.decided_on,
            (SELECT known.source FROM public.outcomes_known('infinity') AS known
                WHERE known.application_id = NEW.application_id),
            NEW.looked_at_probability
        );
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER leave_a_trace INSTEAD OF INSERT OR UPDATE OR DELETE ON public.application_outcomes
    FOR EACH ROW EXECUTE FUNCTION public.write_application_outcome();

-- All labels of one submission, or none. A key that was used by the same author is answered as the first time.
--   state: 'recorded', 'replayed', 'other labels' of a key that was used for others, or 'nothing to withdraw'
--   faulty: places, from 1, of withdrawals of what is not there
CREATE FUNCTION public.record_outcomes(
    by text, submission_key text, content bytea, ids text[], divorces smallint[], days date[], sources text[]
) RETURNS TABLE (
    state text, recorded integer, corrected integer, withdrawn integer, unchanged integer, faulty integer[]
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    label   record;
    known   record;
    used    public.label_submissions;
    current_number bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('outcomes', 0));
    recorded := 0; corrected := 0; withdrawn := 0; unchanged := 0; faulty := '{}';
    SELECT * INTO used FROM public.label_submissions AS earlier
    WHERE earlier.author = by AND earlier.key = submission_key;
    IF FOUND THEN
        state := CASE WHEN used.digest <> content THEN 'other labels' ELSE 'replayed' END;
        recorded := used.recorded; corrected := used.corrected;
        withdrawn := used.withdrawn; unchanged := used.unchanged;
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT coalesce(array_agg(one.place ORDER BY one.place), '{}') INTO faulty
    FROM unnest(ids, divorces) WITH ORDINALITY AS one (id, divorce, place)
    WHERE one.divorce IS NULL
        AND NOT EXISTS (SELECT FROM public.outcomes AS entry WHERE entry.application_id = one.id);
    IF faulty <> '{}' THEN
        state := 'nothing to withdraw';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT coalesce(max(earlier.number), 0) + 1 INTO current_number FROM public.label_submissions AS earlier;
    INSERT INTO public.label_submissions VALUES (current_number, clock_timestamp(), by, submission_key, content, 0, 0, 0, 0);
    FOR label IN
        SELECT * FROM unnest(ids, divorces, days, sources) WITH ORDINALITY AS one (id, divorce, day, source, place)
    LOOP
        SELECT entry.* INTO known FROM public.outcomes AS entry
        WHERE entry.application_id = label.id ORDER BY entry.number DESC LIMIT 1;
        IF known.number IS NOT NULL AND (
            (known."Divorce", known.valid_on, known.source) IS NOT DISTINCT FROM (label.divorce, label.day, label.source)
            OR known.act = 'withdrawal' AND label.divorce IS NULL
        ) THEN
            unchanged := unchanged + 1;
            CONTINUE;
        END IF;
        PERFORM public.append_outcome(
            NULL, by,
            CASE
                WHEN label.divorce IS NULL THEN 'withdrawal'
                WHEN known.number IS NULL OR known.act = 'withdrawal' THEN 'outcome'
                ELSE 'correction'
            END,
            current_number, label.id, label.divorce, label.day, label.source, coalesce(known.looked_at_probability, 1)
        );
        IF label.divorce IS NULL THEN
            withdrawn := withdrawn + 1;
        ELSIF known.number IS NULL OR known.act = 'withdrawal' THEN
            recorded := recorded + 1;
        ELSE
            corrected := corrected + 1;
        END IF;
    END LOOP;
    UPDATE public.label_submissions AS this SET recorded = record_outcomes.recorded,
        corrected = record_outcomes.corrected, withdrawn = record_outcomes.withdrawn, unchanged = record_outcomes.unchanged
    WHERE this.number = current_number;
    state := 'recorded';
    RETURN NEXT;
END
$$;

-- Blank all entries of applications, and say so in the chain; gives how many applications had any.
CREATE FUNCTION public.erase_outcomes(by text, ids text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    numbers      bigint[];
    applications bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('outcomes', 0));
    SELECT array_agg(number ORDER BY number), count(DISTINCT application_id) INTO numbers, applications
    FROM public.outcomes WHERE application_id = ANY (ids);
    IF numbers IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE public.label_submissions SET digest = NULL
    WHERE number IN (SELECT submission FROM public.outcomes AS entry WHERE entry.number = ANY (numbers));
    UPDATE public.outcomes SET application_id = NULL, "Divorce" = NULL, valid_on = NULL, source = NULL,
        looked_at_probability = NULL, salt = NULL
    WHERE number = ANY (numbers);
    PERFORM public.append_outcome(NULL, by, 'erasure', NULL, NULL, NULL, NULL, NULL, NULL, numbers);
    RETURN applications;
END
$$;

CREATE FUNCTION public.outcomes_only_blank() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    OLD.application_id := NULL; OLD."Divorce" := NULL; OLD.valid_on := NULL; OLD.source := NULL;
    OLD.looked_at_probability := NULL; OLD.salt := NULL;
    IF NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'outcomes only grows: record a correction or a withdrawal instead';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON public.outcomes
    FOR EACH STATEMENT EXECUTE FUNCTION public.journal_only_grows();
CREATE TRIGGER only_blank BEFORE UPDATE ON public.outcomes
    FOR EACH ROW EXECUTE FUNCTION public.outcomes_only_blank();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON public.label_submissions
    FOR EACH STATEMENT EXECUTE FUNCTION public.journal_only_grows();

-- How long after their applications outcomes came, as they were told first: by the month of the application.
CREATE VIEW public.label_delays AS
SELECT
    date_trunc('month', answered.received_at AT TIME ZONE 'UTC')::date AS month,
    count(*) AS applications,
    count(told.recorded_at) AS labelled,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY told.recorded_at - answered.received_at)
        FILTER (WHERE told.recorded_at IS NOT NULL) AS median_delay,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY told.recorded_at - answered.received_at)
        FILTER (WHERE told.recorded_at IS NOT NULL) AS delay_of_nine_in_ten,
    count(*) FILTER (WHERE told.entries > 1) AS corrected
FROM (
    SELECT name, max(received_at) AS received_at
    FROM public.prediction_requests CROSS JOIN LATERAL unnest(application_ids) AS name
    WHERE NOT load_test AND application_ids IS NOT NULL AND name IS NOT NULL
    GROUP BY name
) AS answered
LEFT JOIN (
    SELECT application_id, min(recorded_at) AS recorded_at, count(*) FILTER (WHERE act <> 'weighing') AS entries
    FROM public.outcomes WHERE application_id IS NOT NULL GROUP BY application_id
) AS told ON told.application_id = answered.name
GROUP BY 1;

COMMENT ON VIEW public.label_delays IS
    'by month of application: how many are labelled, and how long after the application that came';

ALTER TABLE public.api_keys DROP CONSTRAINT api_keys_roles_check;
ALTER TABLE public.api_keys ADD CONSTRAINT api_keys_roles_check
    CHECK (cardinality(roles) > 0 AND roles <@ ARRAY['score', 'read', 'operate', 'label']);

REVOKE ALL ON FUNCTION
    public.hashed_text, public.append_outcome, public.outcomes_known, public.labelled_predictions_known,
    public.write_application_outcome, public.record_outcomes, public.erase_outcomes, public.outcomes_only_blank
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.record_outcomes TO scoring_server, scoring_desk;
GRANT EXECUTE ON FUNCTION public.outcomes_known TO scoring_trainer, scoring_auditor;
GRANT EXECUTE ON FUNCTION public.labelled_predictions_known TO scoring_trainer;
GRANT SELECT ON public.outcomes, public.application_outcomes, public.label_delays TO scoring_trainer;
GRANT SELECT ON public.outcomes, public.label_submissions, public.label_delays TO scoring_auditor;
GRANT SELECT (number, hash) ON public.outcomes TO scoring_server;
GRANT SELECT ON public.label_submissions, public.label_delays TO scoring_desk;
