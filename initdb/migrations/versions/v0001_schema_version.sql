-- Which version the schema has. Alembic makes this table itself before it runs a first version, and keeps one row in it;
-- it stands here for those who restore a dump, and for its rights: its owner writes it, programs compare it with theirs.

CREATE TABLE IF NOT EXISTS public.schema_version (
    version_num varchar(32) NOT NULL CONSTRAINT schema_version_pkc PRIMARY KEY
);

COMMENT ON TABLE public.schema_version IS 'the last file of initdb/migrations/versions/ that was applied';

GRANT SELECT ON public.schema_version TO scoring_server, scoring_trainer, scoring_auditor;
