"""A client that follows the feed and keeps a copy of everything in it."""

from dataclasses import dataclass, field
from typing import Any

from tests.doors import Door, GraphQLDoor

LISTS = {
    "account": "ListAccounts",
    "budget": "ListBudgets",
    "category": "ListCategories",
    "import": "ListImports",
    "notification": "ListNotifications",
    "template": "ListTemplates",
    "transaction": "ListTransactions",
}


async def since(door: Door, cursor: str, **more: Any) -> list[dict[str, Any]]:
    """All that happened after a cursor, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = await door.call("ListChanges", cursor=cursor, **more)
        found += page["changes"]
        cursor = page["cursor"]
        if not page["hasMore"]:
            return found


@dataclass(slots=True)
class Copy:
    """What a client knows: objects by kind and id, folded from events in their order."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def take(self, events: list[dict[str, Any]]) -> None:
        """Fold events; none may repeat or go back."""
        for one in events:
            kind, _, verb = one["type"].partition(".")
            seen, version = self.versions.get(one["id"]), one["version"]
            if version is not None:
                if seen is not None:
                    assert version == seen + 1, one
                elif verb != "snapshot":
                    assert version == 1, one
                self.versions[one["id"]] = version
            if one["data"] is None:
                self.objects.setdefault(kind, {}).pop(one["id"], None)
            else:
                assert one["data"]["id"] == one["id"]
                self.objects.setdefault(kind, {})[one["id"]] = one["data"]

    async def compare(self, door: GraphQLDoor) -> None:
        """What is known has to be what the API lists, for every noun."""
        for kind, operation in LISTS.items():
            listed = {one["id"]: one for one in await door.pages(operation, limit=100)}
            known = self.objects.get(kind, {})
            assert known.keys() == listed.keys(), kind
            for id_, data in known.items():
                told = {name: value for name, value in data.items() if name != "items"}
                shown = {name: listed[id_][name] for name in told}
                assert told == shown, (kind, id_)
        items = [
            item
            for budget in await door.pages("ListBudgets", limit=100)
            for item in budget["items"]
        ]
        known = self.objects.get("budgetItem", {})
        assert known.keys() == {item["id"] for item in items}
        for item in items:
            assert {name: known[item["id"]][name] for name in item} == item
        me = await door.call("GetMe")
        assert {name: me[name] for name in self.objects["user"][me["id"]]} == (
            self.objects["user"][me["id"]]
        )
        files = (await door.query("{uploads(first:100){nodes{id}}}"))["data"]["uploads"]["nodes"]
        assert self.objects.get("upload", {}).keys() == {one["id"] for one in files}
