-- What people are told of (fraud/notices.py): one row for each change of a verdict or alert, written in the transaction
-- that changes it, and how each way of telling took it (serve/notices/).

CREATE TABLE public.notices (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    written_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    about       text NOT NULL CHECK (about <> ''),
    place       text NOT NULL DEFAULT '',
    state       text NOT NULL CHECK (state <> ''),
    before      text NOT NULL DEFAULT '',
    report      bigint,
    repeats     boolean NOT NULL DEFAULT false
);
CREATE INDEX notices_about ON public.notices (about, place, number DESC);

COMMENT ON TABLE public.notices IS 'changes of verdicts and alerts that people are told of';
COMMENT ON COLUMN public.notices.about IS 'a kind of report, or an alert of a running server';
COMMENT ON COLUMN public.notices.place IS 'the server that an alert is of; empty for a verdict';
COMMENT ON COLUMN public.notices.before IS 'what the state was before; empty: nothing was known';
COMMENT ON COLUMN public.notices.report IS 'number of the report that the verdict is of';
COMMENT ON COLUMN public.notices.repeats IS 'nothing has changed, and it lasts';

CREATE TABLE public.notice_deliveries (
    notice    bigint NOT NULL REFERENCES public.notices ON DELETE CASCADE,
    way       text NOT NULL CHECK (way IN ('webhook', 'mail')),
    state     text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'lost')),
    tries     integer NOT NULL DEFAULT 0,
    due_at    timestamptz NOT NULL DEFAULT now(),
    ended_at  timestamptz,
    fault     text,
    PRIMARY KEY (notice, way)
);
CREATE INDEX notice_deliveries_due ON public.notice_deliveries (due_at) WHERE state = 'waiting';

COMMENT ON TABLE public.notice_deliveries IS 'how each way of telling people took a notice';
COMMENT ON COLUMN public.notice_deliveries.fault IS 'why the last try failed';

CREATE TRIGGER only_grows BEFORE UPDATE OR TRUNCATE ON public.notices
    FOR EACH STATEMENT EXECUTE FUNCTION public.journal_only_grows();

-- As before, and notices with them.
CREATE OR REPLACE FUNCTION public.remove_old_reports(keep_months integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed bigint;
    border timestamptz;
BEGIN
    IF (keep_months BETWEEN 1 AND 1200) IS NOT TRUE THEN
        RAISE EXCEPTION 'keep_months is %, expected 1 or more, at most 1200', keep_months;
    END IF;
    border := (date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => keep_months)) AT TIME ZONE 'UTC';
    DELETE FROM public.notices WHERE written_at < border;
    DELETE FROM public.reports WHERE made_at < border;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;

GRANT SELECT, INSERT ON public.notices TO scoring_server;
GRANT INSERT ON public.notices TO scoring_trainer, scoring_auditor;
GRANT SELECT, INSERT, UPDATE ON public.notice_deliveries TO scoring_server;
GRANT SELECT (number, kind) ON public.reports TO scoring_server;
GRANT SELECT ON public.notices, public.notice_deliveries TO scoring_desk;

-- The server writes down outside of the database where each journal ends (serve/journal/ends.py).
GRANT SELECT (number, hash) ON public.person_events TO scoring_server;
