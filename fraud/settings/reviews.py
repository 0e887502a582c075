"""Reviews by people: the control sample and the desk."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from fraud.settings.part import Part, PositiveInt, Share, long_enough


class ReviewSettings(Part):
    """Reviews by people: the control sample and the desk."""

    review_control_key: SecretStr | None = Field(
        None, description="key that draws the control sample of reviews; losing it, nobody can tell who was drawn"
    )
    review_control_share: Share | Literal[0] = Field(
        0.01, description="share of all other applications that a new review policy has reviewed as a control sample"
    )
    desk_due_days: PositiveInt = Field(14, description="days after an answer in which its case is to be decided")
    desk_blind_first: bool = Field(
        True, description="officers note a first view of a case before they see its probability"
    )

    def control_secret(self) -> bytes | None:
        """What draws the control sample of reviews; None if nothing does.

        Raises:
            SettingsError: it is too short to be a key.
        """
        key = self.review_control_key
        return None if key is None else long_enough("REVIEW_CONTROL_KEY", key.get_secret_value())
