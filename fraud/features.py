"""The feature schema: the only place that spells out the ten features, in the column order of every matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NOT_EMPLOYED_DAYS: Final = 365243
"""The value of `Employed_Days` that means "not employed"."""

EDUCATION_DAYS: Final = {
    "junior_secondary": 3285,
    "secondary": 4380,
    "graduation_dropout": 5110,
    "graduation": 5840,
    "post_grad": 6570,
}
"""Days of schooling by level of education, as the public table names the levels."""

LABEL: Final = "Divorce"
"""1 when the couple divorced soon after the loan, else 0."""

DATE: Final = "Date"
"""Day of the application."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the matrix: what it is called, what it counts and which values it can have.

    `typical` spans all but the lowest and the highest hundredth of the reference applications.
    """

    name: str
    unit: str
    minimum: float
    integral: bool
    typical: tuple[float, float]
    example: float
    meaning: str


FEATURES: Final = (
    Feature("Client_Income", "EUR a year", 0.0, False, (6300.0, 45000.0), 13500.0, "income of the applicant"),
    Feature("Credit_Amount", "EUR", 0.0, False, (7600.0, 24975.0), 18000.0, "amount of the loan"),
    Feature("Loan_Annuity", "EUR a year", 0.0, False, (600.0, 3000.0), 1350.0, "yearly repayment"),
    Feature("Age_Days", "days", 0.0, True, (7400, 21000), 9500, "age of the applicant"),
    Feature(
        "Employed_Days", "days", 0.0, True, (110, 11200), 730, f"time in the job; {NOT_EMPLOYED_DAYS} = not employed"
    ),
    Feature("Registration_Days", "days", 0.0, True, (47, 13900), 2500, "time since the address was last registered"),
    Feature("ID_Days", "days", 0.0, True, (60, 5450), 1800, "time since the identity document was issued"),
    Feature("Phone_Change", "days", 0.0, True, (0, 3160), 365, "time since the phone number changed"),
    Feature("Credit_Bureau", "enquiries", 0.0, True, (0, 8), 1, "enquiries at the credit bureau in the last year"),
    Feature("Education_Days", "days", 0.0, True, (3285, 5840), 4380, "days of schooling"),
)

FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)
FEATURE_COUNT: Final = len(FEATURES)

EXAMPLE_INSTANCE: Final = {feature.name: feature.example for feature in FEATURES}
"""An application as documentation shows it."""
