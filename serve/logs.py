"""Log lines: one form for every process of the server and for every library in it.

A line has time, level, process, pid, logger and event and, where they are known, request_id, trace_id and caller;
nothing else passed as `extra` is written. An exception is logged with its type and traceback; its message only if it is
ours and not about a request, since messages of other libraries may quote an applicant's data.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from types import TracebackType
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from fraud.errors import ProjectError
from serve.errors import ServeError

logger = logging.getLogger(__name__)

WHO_ASKED: Final = ("request_id", "trace_id", "caller")
"""Fields that a line may have beside its event, passed by `extra=`."""
Wording = tuple[str, str]
"""A logger's name and a message before its values are put in."""
_ORDER: Final = ("time", "level", "process", "pid", "logger", "event", *WHO_ASKED)

ALIKE_A_MINUTE: Final = 60
"""Maximum lines of one wording per process and minute: refused strangers must not fill the disk."""

_QUIETER: Final = {
    "urllib3": logging.ERROR,  # it warns about each retry; the fault itself is reported
    "httpx": logging.WARNING,  # it logs each request with its address
}


class LogFormat(StrEnum):
    """Format of log lines on standard error."""

    JSON = "json"
    CONSOLE = "console"
    AUTO = "auto"
    """Text on a terminal, else JSON."""


def configure_logging(process: str, log_format: LogFormat = LogFormat.AUTO) -> None:
    """Send all log lines, warnings and uncaught exceptions of this process through one format. A second call changes
    the format. Handlers that libraries installed are removed.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter(process, log_format))
    handler.addFilter(SparingFilter(ALIKE_A_MINUTE, time.monotonic))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    os.environ["MLFLOW_CONFIGURE_LOGGING"] = "false"  # it is imported later, where it is needed
    for name in logging.root.manager.loggerDict:
        other = logging.getLogger(name)
        other.handlers.clear()
        other.propagate = True
    for name, level in _QUIETER.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_end
    threading.excepthook = lambda end: _log_end(end.exc_type, end.exc_value, end.exc_traceback)


class SparingFilter(logging.Filter):
    """Limits the lines of one wording per minute; the next line after that says how many were dropped."""

    def __init__(self, alike_a_minute: int, clock: Callable[[], float]) -> None:
        super().__init__()
        self._most = alike_a_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._minute = 0
        self._seen: Counter[Wording] = Counter()
        """Counts of the current minute."""
        self._left_out: Counter[Wording] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the line."""
        wording = record.name, str(record.msg)
        minute = int(self._clock() // 60)
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._seen.clear()
            self._seen[wording] += 1
            if self._seen[wording] > self._most:
                self._left_out[wording] += 1
                return False
            left_out = self._left_out.pop(wording, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} (and {left_out} alike before it)", ()
        return True


def _formatter(process: str, log_format: LogFormat) -> logging.Formatter:
    for_people = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and sys.stderr.isatty())
    renderer: Processor
    if for_people:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), timestamp_key="time")
    else:
        renderer = structlog.processors.JSONRenderer()

    def name_process(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        return {**line, "process": process, "pid": os.getpid()}

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.ExtraAdder(allow=WHO_ASKED),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            name_process,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _leave_out_values_of_asyncio,
            _tell_exception,
            _put_in_order,
            renderer,
        ],
    )


def _put_in_order(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    return {**{name: line[name] for name in _ORDER if name in line}, **line}


def _leave_out_values_of_asyncio(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Cut off the `repr` of arguments, results and exceptions that asyncio appends; the text before them says what
    happened.
    """
    if line["logger"] == "asyncio":
        line["event"] = line["event"].partition("\n")[0].partition("(")[0]
    return line


def _tell_exception(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    told = line.pop("exc_info", None)
    if told and told[1] is not None:
        line["exception"] = "; caused by ".join(map(_kind_and_places, _with_causes(told[1])))
    return line


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _kind_and_places(error: BaseException) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    may_be_said = isinstance(error, ProjectError) and not isinstance(error, ServeError)
    words = f": {error}" if may_be_said else ""
    places = [f"{place.filename}:{place.lineno} in {place.name}" for place in traceback.extract_tb(error.__traceback__)]
    return f"{kind}{words} [{', '.join(places)}]"


def _log_end(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or isinstance(error, KeyboardInterrupt | SystemExit):
        return
    logger.critical("ended by an unexpected exception", exc_info=(kind, error, trace))
