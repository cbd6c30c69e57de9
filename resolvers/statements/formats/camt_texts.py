"""Who and what for: the texts of a CAMT entry and its details."""

from collections.abc import Sequence
from typing import Final

from resolvers.statements.drafts import clean
from resolvers.statements.formats.entries import Entry, id_of, joined, told
from resolvers.statements.formats.xml_trees import Node

_MAX_DETAILS: Final = 50


def describe(entry: Entry, node: Node, details: Sequence[Node], owner: str) -> None:
    """Fill payee, description and notes of an entry from its element and its details.

    `owner` is the name of the account's holder, who is not the other party.  A batch booked in
    one has no single payee, so all who differ are left to the notes.
    """
    few = details[:_MAX_DETAILS]
    credit = (node.get("CdtDbtInd") == "CRDT") != (node.get("RvslInd") in {"true", "1"})
    payees = list(dict.fromkeys(p for detail in few if (p := _payee(detail, owner, credit=credit))))
    purposes = [_purpose(detail) for detail in few]
    extra = node.get("AddtlNtryInf")
    text = joined(*purposes)
    entry.payee = payees[0] if len(payees) == 1 else None
    entry.description = text or joined(extra) or (payees[0] if payees else "") or _code(node)
    one = details[0] if len(details) == 1 else None
    notes = [
        ("Kind", extra if text else None),
        ("Details", str(len(details)) if len(details) > 1 else None),
        ("Parties", ", ".join(payees[:10]) if len(payees) > 1 else None),
    ]
    if one is not None:
        notes += _references(one, credit=credit)
    entry.notes = told(*notes)


def _names(detail: Node, role: str) -> str:
    ways = (
        f"RltdPties/{role}/Pty/Nm",
        f"RltdPties/{role}/Nm",
        f"RltdPties/{role}/Agt/FinInstnId/Nm",
    )
    return clean(detail.get(*ways) or "")


def _payee(detail: Node, owner: str, *, credit: bool) -> str | None:
    """The other party: who paid where money came in, who was paid where it went out.

    Some banks name one party only, and a few name them the wrong way round.
    """
    roles = ("Dbtr", "UltmtDbtr", "Cdtr", "UltmtCdtr", "TradgPty")
    if not credit:
        roles = ("Cdtr", "UltmtCdtr", "Dbtr", "UltmtDbtr", "TradgPty")
    names = [name for role in roles if (name := _names(detail, role))]
    others = [name for name in names if name.casefold() != owner.casefold()]
    return next(iter([*others, *names]), None)


def _purpose(detail: Node) -> str:
    free = joined(*(node.text for node in detail.all("RmtInf/Ustrd")))
    if not free:
        free = joined(*(node.text for node in detail.all("RmtInf/Strd/AddtlRmtInf")))
    reference = detail.get("RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/CdtrRefInf/CdtrRef")
    return free or joined(reference) or joined(detail.get("AddtlTxInf"))


def _code(node: Node) -> str:
    """The bank's code of the kind of booking, for an entry that says nothing else."""
    parts = (
        node.get("BkTxCd/Domn/Cd"),
        node.get("BkTxCd/Domn/Fmly/Cd"),
        node.get("BkTxCd/Domn/Fmly/SubFmlyCd"),
    )
    return clean(node.get("BkTxCd/Prtry/Cd") or "") or clean(" ".join(filter(None, parts)))


def _references(detail: Node, *, credit: bool) -> list[tuple[str, str | None]]:
    side = "Dbtr" if credit else "Cdtr"
    account = f"RltdPties/{side}Acct/Id/"
    agent = f"RltdAgts/{side}Agt/FinInstnId/"
    original = detail.find("AmtDtls/InstdAmt/Amt")
    booked = detail.find("AmtDtls/TxAmt/Amt", "Amt")
    foreign = None
    if original is not None and original.text:
        code = original.attributes.get("Ccy", "")
        if booked is None or code != booked.attributes.get("Ccy", code):
            foreign = f"{original.text} {code}".strip()
    return [
        ("Account", detail.get(account + "IBAN", account + "Othr/Id")),
        ("Bank", detail.get(agent + "BICFI", agent + "BIC")),
        ("End-to-end", id_of(detail.get("Refs/EndToEndId"))),
        ("Mandate", id_of(detail.get("Refs/MndtId"))),
        ("Original amount", foreign),
        ("Rate", detail.get("AmtDtls/InstdAmt/CcyXchg/XchgRate", "AmtDtls/TxAmt/CcyXchg/XchgRate")),
        ("Returned because", detail.get("RtrInf/Rsn/Cd", "RtrInf/AddtlInf")),
    ]
