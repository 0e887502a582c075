-- When a person last logged in, so that administrators see which accounts nobody uses any more.

ALTER TABLE public.people ADD COLUMN last_login_at timestamptz;

COMMENT ON COLUMN public.people.last_login_at IS 'NULL where the person has yet to log in';

UPDATE public.people SET last_login_at = (
    SELECT max(event.at) FROM public.person_events AS event WHERE event.person = people.name AND event.kind = 'login'
);
