-- People who log in (serve/people/), and the journal of what they did (serve/journal/): it only grows, and each event
-- is chained by hash to the one before.

CREATE TABLE public.people (
    name         text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    roles        text[] NOT NULL CHECK (roles <@ ARRAY['operate', 'audit', 'review', 'supervise', 'admin']),
    password     text CHECK (password LIKE '$argon2id$%'),
    issuer       text,
    subject      text,
    must_change  boolean NOT NULL DEFAULT false,
    is_disabled  boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (issuer, subject),
    CONSTRAINT one_way_to_log_in CHECK (
        CASE WHEN issuer IS NULL THEN subject IS NULL AND password IS NOT NULL
            ELSE subject IS NOT NULL AND password IS NULL AND NOT must_change END
    )
);

COMMENT ON TABLE public.people IS 'people who log in, by a password of ours or by an OpenID provider';
COMMENT ON COLUMN public.people.password IS 'as argon2id has it: cost, salt and hash';
COMMENT ON COLUMN public.people.issuer IS 'of the OpenID provider that vouches for the person; NULL where a password does';
COMMENT ON COLUMN public.people.subject IS 'who the person is for that provider';
COMMENT ON COLUMN public.people.must_change IS 'the password was given by somebody else, for one login';

CREATE TABLE public.people_sessions (
    digest    bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    person    text NOT NULL REFERENCES public.people ON DELETE CASCADE,
    began_at  timestamptz NOT NULL DEFAULT now(),
    seen_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX people_sessions_person ON public.people_sessions (person);

COMMENT ON TABLE public.people_sessions IS 'logins that have not ended';
COMMENT ON COLUMN public.people_sessions.digest IS 'SHA-256 of what the browser has in its cookie';

CREATE TABLE public.person_events (
    number  bigint PRIMARY KEY CHECK (number > 0),
    at      timestamptz NOT NULL,
    person  text NOT NULL CHECK (person <> ''),
    kind    text NOT NULL CHECK (kind <> ''),
    facts   text NOT NULL CHECK (json_typeof(facts::json) = 'object'),
    hash    bytea NOT NULL CHECK (octet_length(hash) = 32)
);

COMMENT ON TABLE public.person_events IS
    'what people did: logins, accounts, keys, promotions; each event chains by hash to the one before';
COMMENT ON COLUMN public.person_events.facts IS 'what else is to be known, one JSON object, hashed as it is written';

CREATE FUNCTION public.journal_only_grows() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% only grows: what was written is neither changed nor removed', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON public.person_events
    FOR EACH STATEMENT EXECUTE FUNCTION public.journal_only_grows();

REVOKE ALL ON FUNCTION public.journal_only_grows FROM PUBLIC;
GRANT SELECT ON public.person_events TO scoring_auditor;
GRANT SELECT, INSERT, UPDATE ON public.people TO scoring_desk;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.people_sessions TO scoring_desk;
GRANT SELECT, INSERT ON public.person_events TO scoring_desk;
GRANT SELECT ON public.schema_version, public.review_policies, public.drift_checks, public.retrainings TO scoring_desk;
