-- The reference applications: what models are trained on. Filled by `python -m initdb`.

CREATE TABLE IF NOT EXISTS public.divorce_predictions (
    application_id      text PRIMARY KEY,
    "Date"              date NOT NULL,
    "Client_Income"     real NOT NULL CHECK ("Client_Income" >= 0),
    "Credit_Amount"     real NOT NULL CHECK ("Credit_Amount" >= 0),
    "Loan_Annuity"      real NOT NULL CHECK ("Loan_Annuity" >= 0),
    "Age_Days"          integer NOT NULL CHECK ("Age_Days" >= 0),
    "Employed_Days"     integer NOT NULL CHECK ("Employed_Days" >= 0),
    "Registration_Days" integer NOT NULL CHECK ("Registration_Days" >= 0),
    "ID_Days"           integer NOT NULL CHECK ("ID_Days" >= 0),
    "Phone_Change"      integer NOT NULL CHECK ("Phone_Change" >= 0),
    "Credit_Bureau"     integer NOT NULL CHECK ("Credit_Bureau" >= 0),
    "Education_Days"    integer NOT NULL CHECK ("Education_Days" >= 0),
    "Divorce"           smallint NOT NULL CHECK ("Divorce" IN (0, 1))
);

-- Training reads windows of dates.
CREATE INDEX IF NOT EXISTS divorce_predictions_date ON public.divorce_predictions ("Date");

GRANT SELECT ON public.divorce_predictions TO scoring_trainer;
