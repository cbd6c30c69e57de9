"""Lifelike examples, made from JSON Schemas and the names of their fields."""

from collections.abc import Mapping
from typing import Any, Final, cast

from rest_compat.openapi_schemas import AMOUNT, AMOUNT_SENT, COLOR, CURRENCY, ID_BODY, Json

_MOMENT: Final = "2026-01-15T09:30:00.000Z"
_SAMPLE_ID: Final = "01kf0fv2e0eejr3h79pz9fc2m3"
_BY_PATTERN: Final[Mapping[str, str]] = {CURRENCY: "EUR", COLOR: "#2f855a"}
_BY_FORMAT: Final[Mapping[str, str]] = {
    "date": "2026-01-15",
    "date-time": _MOMENT,
    "email": "mara@example.com",
    "password": "violet-harbour-41-lantern",
    "uri": "https://example.com/file",
}
# Values by the name of a field, or of a field of one type where the name alone says too little.
_BY_NAME: Final[Mapping[str, Any]] = {
    "accessToken": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl",
    "amount": "-4.50", "balance": "1284.30", "budget.name": "Household",
    "category.name": "Groceries", "contentType": "text/csv", "deleted": True,
    "description": "Coffee at the station", "emailVerified": True, "expiresIn": 900, "failed": 0,
    "file": "Date,Amount,Text\n2026-01-15,-4.50,Coffee\n", "filename": "statement-2026-01.csv",
    "format": "csv", "group.name": "Flat 12", "headers": ["Date", "Amount", "Text"],
    "icon": "basket", "institution": "First Bank", "key": "groceries", "kind": "EXPENSE",
    "line": 2, "locale": "en-IE", "loggedOut": True, "name": "Everyday", "number": "••••4821",
    "openingBalance": "250.00", "payee": "Station Cafe", "pending": "-4.50",
    "posted": "1288.80", "profile.name": "Mara Lind", "refreshToken": "mR3v8Qd1uXo5kTz7",
    "register.name": "Mara Lind", "rowresult.status": "ok",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "size": 4096, "status": "POSTED", "succeeded": 1, "tags": ["coffee"],
    "timeZone": "Europe/Dublin", "tokenType": "Bearer", "user.name": "Mara Lind", "version": 3,
}  # fmt: skip
_OFTEN_SENT: Final = frozenset(
    {
        "baseCurrency", "categoryId", "color", "icon", "institution", "name", "payee",
        "refreshToken", "tags", "timeZone", "uploadId",
    }
)  # fmt: skip
_SHOWN: Final = frozenset({"accountId", "categoryId", "currency", "date", "id"})
_LEFT_OUT: Final = frozenset(
    {"children", "missingDates", "missingRates", "questions", "splits", "staleRates", "warnings"}
)


class Examples:
    """One lifelike value for any schema, from its type and the names of its fields."""

    def __init__(self, named: Mapping[str, Json], *, request: bool = False) -> None:
        self._named = named
        self._request = request

    def of(self, schema: Json, field: str = "", owner: str = "") -> Any:
        """An example of a schema; what may be null is only shown when its name says a value."""
        if "const" in schema:
            return schema["const"]
        if "examples" in schema:
            return schema["examples"][0]
        if "$ref" in schema:
            owner = schema["$ref"].rpartition("/")[2]
            return self.of(self._named[owner], field, owner)
        if "anyOf" in schema:
            inner = self._named.get(schema["anyOf"][0].get("$ref", "").rpartition("/")[2], {})
            return self.of(schema["anyOf"][0], field, owner) if "enum" in inner else None
        kinds = schema.get("type", "null")
        kind = kinds[0] if isinstance(kinds, list) else kinds
        if kind == "object" and "null" in kinds:
            return None
        if kind == "object":
            return self._object(schema, schema.get("title", owner))
        if kind == "array":
            return self._array(schema, field, owner)
        if kind == "string":
            return self._text(schema, field, owner, optional="null" in kinds)
        value = self._named_value(field, owner)
        if kind in {"integer", "number"}:
            known = isinstance(value, int) and not isinstance(value, bool)
            return value if known else schema.get("minimum", 0)
        if kind == "boolean":
            return value if isinstance(value, bool) else False
        return None

    def _object(self, schema: Json, owner: str) -> Json:
        required = schema.get("required", [])
        return {
            name: self.of(inner, name, owner)
            for name, inner in schema.get("properties", {}).items()
            if not self._request
            or name in required
            or (name in _OFTEN_SENT and not inner.get("readOnly"))
        }

    def _array(self, schema: Json, field: str, owner: str) -> list[Any]:
        if field in _LEFT_OUT and not schema.get("minItems"):
            return []
        known = self._named_value(field, owner)
        return known if isinstance(known, list) else [self.of(schema["items"], field, owner)]

    def _text(self, schema: Json, field: str, owner: str, *, optional: bool) -> str | None:
        pattern, form = schema.get("pattern", ""), schema.get("format", "")
        if pattern.endswith(ID_BODY):
            # Optional ids of other things only fit special rows: transfers, imported ones.
            if optional and field not in _SHOWN and not self._request:
                return None
            prefix = pattern.removeprefix("^").removesuffix(ID_BODY).rstrip("_")
            return f"{prefix if prefix.isalpha() else 'txn'}_{_SAMPLE_ID}"
        value = self._named_value(field, owner)
        if "enum" in schema:
            return value if value in schema["enum"] else cast("str", schema["enum"][0])
        if pattern in {AMOUNT, AMOUNT_SENT}:
            return value if isinstance(value, str) else "120.00"
        if optional and not isinstance(value, str) and field not in _SHOWN and not self._request:
            return None
        fixed = _BY_PATTERN.get(pattern) or _BY_FORMAT.get(form)
        if fixed is not None:
            return fixed
        text = value if isinstance(value, str) else "Example"
        return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]

    @staticmethod
    def _named_value(field: str, owner: str) -> Any:
        for name, value in _BY_NAME.items():
            noun, dot, bare_name = name.partition(".")
            if dot and bare_name == field and noun in owner.lower():
                return value
        return _BY_NAME.get(field)
