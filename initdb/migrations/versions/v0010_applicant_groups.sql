-- What applicants are grouped by beside the features, to see what a model does to each group. No model reads it.

CREATE TABLE IF NOT EXISTS public.applicant_groups (
    application_id text NOT NULL,
    attribute      text NOT NULL,
    value          text NOT NULL,
    PRIMARY KEY (application_id, attribute)
);

COMMENT ON TABLE public.applicant_groups IS
    'attributes of applicants, such as the region, by which a model is examined; never a feature of one';
COMMENT ON COLUMN public.applicant_groups.application_id IS
    'of an application to train on, or of one that was scored: that which the client sent';

-- The trainer's login is also that of gate and monitor; the server and the auditor have no use for it.
GRANT SELECT ON public.applicant_groups TO scoring_trainer;
