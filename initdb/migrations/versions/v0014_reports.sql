-- What checks found, as pages and as JSON: any machine shows them (fraud/report/stored.py).

CREATE TABLE public.reports (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind     text NOT NULL CHECK (kind <> ''),
    made_at  timestamptz NOT NULL,
    verdict  text NOT NULL,
    page     text NOT NULL,
    facts    text NOT NULL CHECK (json_typeof(facts::json) = 'object'),
    sha256   bytea NOT NULL CHECK (octet_length(sha256) = 32)
);
CREATE INDEX reports_kind ON public.reports (kind, number DESC);

COMMENT ON TABLE public.reports IS 'what checks found, as pages and as JSON';
COMMENT ON COLUMN public.reports.sha256 IS 'of page and facts, with a zero byte between them';

CREATE TRIGGER only_grows BEFORE UPDATE OR TRUNCATE ON public.reports
    FOR EACH STATEMENT EXECUTE FUNCTION public.journal_only_grows();

-- Reports are kept as long as the record that they are about.
CREATE FUNCTION public.remove_old_reports(keep_months integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    IF (keep_months BETWEEN 1 AND 1200) IS NOT TRUE THEN
        RAISE EXCEPTION 'keep_months is %, expected 1 or more, at most 1200', keep_months;
    END IF;
    DELETE FROM public.reports
    WHERE made_at < (date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => keep_months)) AT TIME ZONE 'UTC';
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;

REVOKE ALL ON FUNCTION public.remove_old_reports FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.remove_old_reports TO scoring_server;
GRANT SELECT, INSERT ON public.reports TO scoring_trainer, scoring_auditor;
GRANT SELECT ON public.reports TO scoring_desk;
