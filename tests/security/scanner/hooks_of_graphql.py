"""What Schemathesis must know of the graph: its scalars, and which of its errors are expected."""

import json
from typing import Any

from graphql import parse_value
from hypothesis import strategies as st
from schemathesis import graphql, hook
from schemathesis.graphql import nodes

from resolvers.errors import REGISTRY

EXPECTED = {str(code) for code, facts in REGISTRY.items() if facts.status < 500}
WORDS = {
    "Amount": ["-12.34", "0", "99999999999999.99", "1e5", "x", ""],
    "Date": ["2026-01-01", "2024-02-29", "2026-02-30", "1899-12-31", "x"],
    "Instant": ["2026-01-01T00:00:00Z", "2026-01-01", "x"],
}
for _name, _words in WORDS.items():
    graphql.scalar(_name, st.sampled_from(_words).map(nodes.String))
_rows = st.sampled_from(["{}", '{amount: "1"}', '{description: "x", date: "2026-01-01"}'])
for _name in ("JSONObject", "RawRow"):
    graphql.scalar(_name, _rows.map(parse_value))


@hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Say in the scanner's words what the registry calls the asker's own fault; the rest is ours.

    What was made to be wrong must be refused, and is said to be; what keeps to the schema may be
    refused by a rule.
    """
    if response.status_code != 200:
        return
    whole = json.loads(response.content)
    told = whole.pop("errors", [])
    left = [one for one in told if one.get("extensions", {}).get("code") not in EXPECTED]
    if left:
        whole["errors"] = left
    elif told and case.meta is not None and case.meta.generation.mode.is_negative:
        whole["errors"] = [{"message": "refused", "extensions": {"code": "BAD_REQUEST"}}]
    response.content = json.dumps(whole).encode()
