"""Every setting of the project, in one typed place by part; `python -m fraud` prints them as tables.

A value comes from the process's environment, else from `.env`, else from `<RUN_DIR>/.env` (generated secrets), else
from `<RUN_DIR>/stack.env` (addresses of the embedded services while they run), else from the default. Only entry
points read settings; everything below them takes plain arguments.
"""

from fraud.settings.database import DatabaseRole
from fraud.settings.load import ADDRESSES_FILE, load_settings
from fraud.settings.models import parse_excluded
from fraud.settings.parts import PARTS, Settings

__all__ = ["ADDRESSES_FILE", "PARTS", "DatabaseRole", "Settings", "load_settings", "parse_excluded"]
