"""What was learned of past choices against the choices themselves."""

from typing import Final

from sqlalchemy import select

from models.base import table
from models.ledgers import Ledger
from models.sealing import KeyMissing, SealBroken
from models.suggestions import LearnedCategories
from resolvers.suggestions.keeping import learn_all
from resolvers.suggestions.learning import FORMAT, MAX_PAIRS, Learned
from resolvers.verify.finder import Finder
from resolvers.verify.report import Kind

_K: Final = table(LearnedCategories)
_L: Final = table(Ledger)


async def check_learned(finder: Finder) -> None:
    """Counts that are of the ledger's present version are what its choices come to.

    Older ones are brought up to date by the next reader; full ones depend on what came first.
    """
    statement = (
        select(_K.c.id, _K.c.content, _K.c.version, _L.c.version.label("present"))
        .select_from(_K.join(_L, _L.c.id == _K.c.ledger_id))
        .where(_K.c.ledger_id == finder.ledger_id)
    )
    row = await finder.tx.first(statement)
    if row is None:
        return
    packed = finder.opened("learned_categories.content", "learned", row.id, row.content)
    if packed is None or packed[0] != FORMAT or row.version != row.present:
        return
    held = Learned.unpacked(packed[1:])
    try:
        kept = await learn_all(finder.tx, finder.ledger_id)
    except (SealBroken, KeyMissing):
        # An amount that does not open is told where it lies.
        return
    if max(held.pairs, kept.learned.pairs) < MAX_PAIRS and held != kept.learned:
        message = "What was learned of categories is not what the transactions say."
        finder.differs(Kind.LEARNED, "learned", finder.ledger_id, message)
