"""Traces go to an OpenTelemetry collector where the standard variables name one (`OTEL_EXPORTER_OTLP_ENDPOINT`).

The SDK reads the other variables of the standard itself, such as headers and sampler. Nothing of it is imported
before `open_provider` is called.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from fraud.errors import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SAMPLER: Final = "OTEL_TRACES_SAMPLER"
_DISABLED: Final = "OTEL_SDK_DISABLED"
_EXPORTER: Final = "OTEL_TRACES_EXPORTER"
_SERVICE_NAME: Final = "OTEL_SERVICE_NAME"


def is_tracing(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a collector is named, and nothing switches traces off."""
    is_off = environment.get(_DISABLED, "").strip().lower() == "true" or environment.get(_EXPORTER) == "none"
    return not is_off and any(environment.get(name) for name in ENDPOINTS)


def open_provider(service: str, *, only_callers_sample: bool = False, ids: IdGenerator | None = None) -> TracerProvider:
    """Makes tracers whose spans are sent by a thread of this process, in batches; `shutdown()` sends the rest.

    Args:
        service: `service.name`, where OTEL_SERVICE_NAME says nothing.
        only_callers_sample: whether a trace that begins here is recorded only if OTEL_TRACES_SAMPLER says so.
        ids: names traces and spans, instead of at random.

    Raises:
        SettingsError: the exporter is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - see above
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            f"{' or '.join(ENDPOINTS)} is set, and `{error.name}` is not installed: install the extra `tracing` "
            "(`pip install '.[tracing]'`), or unset it"
        ) from None
    named = {} if os.environ.get(_SERVICE_NAME) else {"service.name": service}
    sampler = _sampler(only_callers_sample=only_callers_sample)
    provider = TracerProvider(sampler, Resource.create(named), id_generator=ids)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _sampler(*, only_callers_sample: bool) -> Sampler | None:
    """None where the SDK is to make the one that OTEL_TRACES_SAMPLER names."""
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased  # noqa: PLC0415 - see above

    if os.environ.get(SAMPLER):
        return None
    return ParentBased(ALWAYS_OFF if only_callers_sample else ALWAYS_ON)
