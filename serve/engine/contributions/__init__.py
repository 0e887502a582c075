"""Feature contributions of a loaded model: `load_contributions(tables, model, cache_dir)`, then `effects(matrix)`."""

from serve.engine.contributions.contributions import Contributions
from serve.engine.contributions.errors import ContributionsError
from serve.engine.contributions.loading import load_contributions

__all__ = ["Contributions", "ContributionsError", "load_contributions"]
