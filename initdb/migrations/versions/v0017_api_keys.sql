-- API keys that are made, revoked and rotated while servers run (serve/keys/). A key itself is nowhere: 256 random bits
-- need no slow hash. Rows are never removed, so that a number in the journal of people always says which key it was.

CREATE TABLE public.api_keys (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client        text NOT NULL CHECK (client ~ '^[A-Za-z0-9._-]{1,64}$'),
    roles         text[] NOT NULL CHECK (cardinality(roles) > 0 AND roles <@ ARRAY['score', 'read', 'operate']),
    sha256        bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
    made_at       timestamptz NOT NULL DEFAULT now(),
    made_by       text NOT NULL CHECK (made_by <> ''),
    expires_at    timestamptz,
    revoked_at    timestamptz,
    revoked_by    text,
    replaced_by   bigint REFERENCES public.api_keys,
    last_used_at  timestamptz,
    CONSTRAINT revoked_by_somebody CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
    CONSTRAINT replaced_ends CHECK (replaced_by IS NULL OR expires_at IS NOT NULL)
);

COMMENT ON TABLE public.api_keys IS 'API keys of clients, by their hashes';
COMMENT ON COLUMN public.api_keys.sha256 IS 'of the key';
COMMENT ON COLUMN public.api_keys.replaced_by IS 'the key that was made in its place; this one ends at expires_at';
COMMENT ON COLUMN public.api_keys.last_used_at IS 'to the minute or so, as servers tell it';

GRANT SELECT, UPDATE (last_used_at) ON public.api_keys TO scoring_server;
GRANT
    SELECT (number, client, roles, made_at, made_by, expires_at, revoked_at, revoked_by, replaced_by, last_used_at),
    INSERT (client, roles, sha256, made_by, expires_at),
    UPDATE (expires_at, revoked_at, revoked_by, replaced_by)
ON public.api_keys TO scoring_desk;
