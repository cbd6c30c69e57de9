"""Finding ids in columns: the same places whichever way they are looked up."""

import random
from uuid import UUID

import pytest

from resolvers.segments.parts import find, words_of


@pytest.mark.parametrize("count", [1, 2, 24, 200, 256, 257, 900])
@pytest.mark.parametrize("kind", ["random", "low words alike", "high words alike"])
def test_each_id_is_found_at_its_place_and_no_other(count: int, kind: str) -> None:
    chance = random.Random(count)  # noqa: S311 - the same ids every time
    known = []
    for _ in range(count):
        hi, lo = chance.getrandbits(64), chance.getrandbits(64)
        if kind == "low words alike":
            lo = chance.randrange(max(1, count // 3))
        elif kind == "high words alike":
            hi = 7
        known.append(UUID(int=hi << 64 | lo))
    known = list(dict.fromkeys(known))
    strangers = [UUID(int=one.int ^ (1 << bit)) for one in known[:20] for bit in (0, 64, 127)]
    asked = [*known, *strangers, *reversed(known), UUID(int=0)]
    places = {one: at for at, one in enumerate(known)}
    found = find(*words_of(asked), *words_of(known))
    assert found.tolist() == [places.get(one, -1) for one in asked]
