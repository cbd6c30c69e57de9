"""What Schemathesis must know of REST answers: their moment is no difference between two people."""

import json
from typing import Any

from schemathesis import hook


@hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Answer the same moment always: else an object that two people see would look like two."""
    if response.content[:1] == b"{" and b'"timestamp"' in response.content:
        whole = json.loads(response.content)
        whole["timestamp"] = "2026-01-01T00:00:00Z"
        response.content = json.dumps(whole).encode()
