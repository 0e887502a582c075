-- Who is reviewed: a journal of policies and of their second signatures, each entry chained by hash to the one before
-- (fraud/review_policy.py). It only grows; a policy without a signature is not used.

CREATE TABLE public.review_policies (
    number                integer PRIMARY KEY CHECK (number > 0),
    entered_at            timestamptz NOT NULL,
    person                text NOT NULL CHECK (person <> ''),
    signs                 integer UNIQUE REFERENCES public.review_policies,
    valid_from            timestamptz,
    threshold             double precision CHECK (threshold >= 0 AND threshold <> 'NaN'),
    capacity              double precision CHECK (capacity >= 0),
    case_eur              double precision CHECK (case_eur >= 0),
    divorce_eur           double precision CHECK (divorce_eur >= 0),
    max_wrongly_suspected double precision CHECK (max_wrongly_suspected >= 0),
    control_share         double precision CHECK (control_share BETWEEN 0 AND 1),
    control_key           text,
    model_version         integer,
    model_sha256          bytea,
    hash                  bytea NOT NULL CHECK (octet_length(hash) = 32),
    CONSTRAINT terms_or_signature CHECK (
        CASE WHEN signs IS NULL
            THEN num_nonnulls(
                valid_from, threshold, capacity, case_eur, divorce_eur, control_share, control_key, model_version,
                model_sha256
            ) = 9
            ELSE num_nonnulls(
                valid_from, threshold, capacity, case_eur, divorce_eur, max_wrongly_suspected, control_share, control_key,
                model_version, model_sha256
            ) = 0
        END
    )
);

COMMENT ON TABLE public.review_policies IS
    'who is reviewed: policies, and their second signatures; each entry chains by hash to the one before';
COMMENT ON COLUMN public.review_policies.person IS 'the author of a policy, or who signed it as the second';
COMMENT ON COLUMN public.review_policies.signs IS 'number of the policy that this entry signs; of a policy it is NULL';
COMMENT ON COLUMN public.review_policies.threshold IS 'probability from which on an application is reviewed, a float32';
COMMENT ON COLUMN public.review_policies.capacity IS 'reviews a week that the threshold was chosen for';
COMMENT ON COLUMN public.review_policies.control_share IS 'share of all other applications that are reviewed as well';
COMMENT ON COLUMN public.review_policies.control_key IS 'tells the key that draws them, and not what it is';

CREATE FUNCTION public.review_policies_only_grow() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'review_policies only grows: adopt another policy instead (python -m bench plan adopt)';
END
$$;

CREATE FUNCTION public.check_review_policy() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    author text;
BEGIN
    IF NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM public.review_policies) THEN
        RAISE EXCEPTION 'an entry of review_policies takes the number after the last one';
    END IF;
    IF NEW.signs IS NOT NULL THEN
        SELECT person INTO author FROM public.review_policies WHERE number = NEW.signs AND signs IS NULL;
        IF author IS NULL THEN
            RAISE EXCEPTION 'entry % of review_policies is no policy: only a policy can be signed', NEW.signs;
        END IF;
        IF author = NEW.person THEN
            RAISE EXCEPTION '% wrote policy %: a second person has to sign it', author, NEW.signs;
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON public.review_policies
    FOR EACH STATEMENT EXECUTE FUNCTION public.review_policies_only_grow();
CREATE TRIGGER check_entry BEFORE INSERT ON public.review_policies
    FOR EACH ROW EXECUTE FUNCTION public.check_review_policy();

REVOKE ALL ON FUNCTION public.review_policies_only_grow, public.check_review_policy FROM PUBLIC;
GRANT SELECT ON public.review_policies TO scoring_server, scoring_trainer, scoring_auditor;
