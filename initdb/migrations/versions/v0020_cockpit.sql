-- What the first page tells beside reports: traffic, changes of the model, the schedule, and what operators ask for.

-- Traffic, a row a minute and server; the desk that writes them removes those that no page shows any more.
CREATE TABLE public.service_minutes (
    number    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    seconds   real NOT NULL CHECK (seconds > 0),
    answered  bigint NOT NULL CHECK (answered >= 0),
    refused   bigint NOT NULL CHECK (refused >= 0),
    rows      bigint NOT NULL CHECK (rows >= 0),
    buckets   bigint[] NOT NULL
);
CREATE INDEX service_minutes_at ON public.service_minutes (at);

COMMENT ON TABLE public.service_minutes IS 'what a server counted in some minute (desk/cockpit/minutes.py)';
COMMENT ON COLUMN public.service_minutes.at IS 'end of the minute';
COMMENT ON COLUMN public.service_minutes.seconds IS 'how long it was';
COMMENT ON COLUMN public.service_minutes.buckets IS 'answered requests by time, as the buckets of scoring_seconds are';

GRANT SELECT, INSERT, DELETE ON public.service_minutes TO scoring_desk;

-- Which version came into production when, and by whom: the registry knows only what is there now.
CREATE TABLE public.model_changes (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    model_name  text NOT NULL CHECK (model_name <> ''),
    act         text NOT NULL CHECK (act IN ('promotion', 'rollback')),
    version     integer NOT NULL CHECK (version > 0),
    before      integer CHECK (before > 0),
    person      text NOT NULL CHECK (person <> '')
);

COMMENT ON TABLE public.model_changes IS 'promotions and rollbacks, written by their commands (fraud/model_changes.py)';
COMMENT ON COLUMN public.model_changes.before IS 'version that was in production before; NULL: none';
COMMENT ON COLUMN public.model_changes.person IS 'who asked for it: a name, or shell:NAME of who was logged in on the machine';

CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON public.model_changes
    FOR EACH STATEMENT EXECUTE FUNCTION public.journal_only_grows();

GRANT SELECT, INSERT ON public.model_changes TO scoring_trainer;
GRANT SELECT ON public.model_changes TO scoring_auditor, scoring_desk;

-- When the schedule does what, for people to see.
CREATE TABLE public.schedule_times (
    task      text PRIMARY KEY CHECK (task <> ''),
    begun_at  timestamptz,
    next_at   timestamptz,
    told_at   timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE public.schedule_times IS 'tasks of jenkins.schedule, as its process told last';
COMMENT ON COLUMN public.schedule_times.begun_at IS 'when the task was begun last; NULL: never';
COMMENT ON COLUMN public.schedule_times.told_at IS 'its process tells each minute that it is there';

GRANT SELECT, INSERT, UPDATE, DELETE ON public.schedule_times TO scoring_trainer;
GRANT SELECT ON public.schedule_times TO scoring_desk;

-- What operators ask for in a page: the desk may ask, and the schedule's process does it, with its own rights.
CREATE TABLE public.operator_requests (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    act          text NOT NULL CHECK (act IN ('check-drift', 'retrain', 'rollback')),
    person       text NOT NULL CHECK (person <> ''),
    asked_at     timestamptz NOT NULL DEFAULT now(),
    begun_at     timestamptz,
    seen_at      timestamptz,
    ended_at     timestamptz,
    exit_status  integer,
    output       text NOT NULL DEFAULT '',
    CONSTRAINT exit_status_of_what_has_run CHECK (exit_status IS NULL OR (begun_at IS NOT NULL AND ended_at IS NOT NULL))
);
CREATE UNIQUE INDEX operator_requests_open ON public.operator_requests (act) WHERE ended_at IS NULL;

COMMENT ON TABLE public.operator_requests IS
    'what operators asked for in a page, and what came of it; of each act one at a time is open';
COMMENT ON COLUMN public.operator_requests.seen_at IS 'when the process that does it said last that it is at work';
COMMENT ON COLUMN public.operator_requests.exit_status IS 'of the command; NULL of one that was not begun, or was broken off';
COMMENT ON COLUMN public.operator_requests.output IS 'the last lines that the command printed, or why it was not begun';

GRANT SELECT, INSERT (act, person) ON public.operator_requests TO scoring_desk;
GRANT SELECT, UPDATE (begun_at, seen_at, ended_at, exit_status, output) ON public.operator_requests TO scoring_trainer;

-- As before; requests of operators go with reports, as notices do.
CREATE OR REPLACE FUNCTION public.remove_old_reports(keep_months integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    border  timestamptz;
    removed bigint;
BEGIN
    IF (keep_months BETWEEN 1 AND 1200) IS NOT TRUE THEN
        RAISE EXCEPTION 'keep_months is %, expected 1 or more, at most 1200', keep_months;
    END IF;
    border := (date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => keep_months)) AT TIME ZONE 'UTC';
    DELETE FROM public.notices WHERE written_at < border;
    DELETE FROM public.operator_requests WHERE asked_at < border AND ended_at IS NOT NULL;
    DELETE FROM public.reports WHERE made_at < border;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
