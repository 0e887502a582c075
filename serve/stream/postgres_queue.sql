-- Queues for `python -m serve.stream --source postgres`; run once by the owner of the database. Whoever files
-- applications needs INSERT on stream.applications, whoever reads answers SELECT on the others.

CREATE SCHEMA IF NOT EXISTS stream;

CREATE TABLE IF NOT EXISTS stream.applications (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body      text NOT NULL,
    filed_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS stream.answers (
    id           bigint PRIMARY KEY,
    body         text NOT NULL,
    answered_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS stream.dead_letters (
    id        bigint PRIMARY KEY,
    body      text NOT NULL,
    reason    text NOT NULL,
    found_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE stream.applications IS 'wait to be scored; each body is one JSON object with the features';
COMMENT ON TABLE stream.answers IS 'by the id of the application';
COMMENT ON TABLE stream.dead_letters IS 'applications that can not be scored, with what was expected';

GRANT USAGE ON SCHEMA stream TO scoring_server;
-- UPDATE of one column, since a row can be locked only by who may change something of it.
GRANT SELECT, DELETE, UPDATE (filed_at) ON stream.applications TO scoring_server;
GRANT INSERT ON stream.answers, stream.dead_letters TO scoring_server;
