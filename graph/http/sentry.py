"""Unexpected errors to where a DSN says, in the format of Sentry: stacks, and never a value.

Imported only where a DSN is set (the extra `errors`).  Nothing switches itself on: no integrations,
no local variables, no bodies, no addresses, and messages only of failures that name code.
"""

from collections.abc import Mapping
from typing import Any, Final

import sentry_sdk
from sentry_sdk.types import Event, Hint
from sentry_sdk.utils import event_from_exception

from graph.http.logs import PLAIN

_KEPT: Final = ("request_id", "code", "kind", "event", "logger")
_FLUSH_SECONDS: Final = 2.0


class Sentry:
    """One client of a project."""

    def __init__(self, dsn: str, *, build: str, profile: str) -> None:
        self._client = sentry_sdk.Client(
            dsn=dsn,
            release=build,
            environment=profile,
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            traces_sample_rate=0.0,
            server_name="",
            before_send=_cleaned,
        )

    def tell(self, error: BaseException, line: Mapping[str, Any]) -> None:
        """Send an error with the few words of its log line that name nobody."""
        scope = sentry_sdk.Scope()
        for name in _KEPT:
            if line.get(name):
                scope.set_tag(name, str(line[name])[:200])
        # Past the library's own globals: what else uses it in this process stays apart.
        told, hint = event_from_exception(error, client_options=self._client.options)
        self._client.capture_event(told, hint=hint, scope=scope)

    def close(self) -> None:
        """Send what is left."""
        self._client.close(timeout=_FLUSH_SECONDS)


def _cleaned(event: Event, _hint: Hint) -> Event:
    """Without the messages of exceptions, which like to quote the value that they could not use."""
    for one in (event.get("exception") or {}).get("values", ()):
        if one.get("type") not in PLAIN:
            one["value"] = ""
        one.pop("mechanism", None)
    return event
