"""Categories learned from past choices: naive Bayes over words and the size of the amount.

A choice is counted under every word of payee and description and under the size of its amount, and
can be taken out again as exactly.  A guess weighs, for each category, how often it was chosen and
how often it went with these words (multinomial naive Bayes with additive smoothing; Manning,
Raghavan, Schütze, "Introduction to Information Retrieval", chapter 13).
"""

import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from resolvers.rules.folding import folded

SURE_ENOUGH: Final = 0.9
"""Below this probability nothing is suggested."""
FORMAT: Final = 1
"""Grows when choices are counted in another way: counts of the old way are not used."""
MAX_PAIRS: Final = 50_000
"""Pairs of word and category that are counted; what comes later is not learned any more."""
_SMOOTHING: Final = 0.05
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_MAX_WORDS: Final = 16


@dataclass(frozen=True, slots=True)
class Told:
    """What a transaction says that a category can be guessed from."""

    payee: str | None
    description: str
    minor: int
    currency: str

    def words(self) -> list[str]:
        """Its words, each once, and the size of its amount as a word of its own."""
        found = dict.fromkeys(_WORD.findall(f"{folded(self.payee)} {folded(self.description)}"))
        sign = "+" if self.minor > 0 else "-"
        # The power of two that it lies in: told by the sign, which is no part of a word.
        return [*list(found)[:_MAX_WORDS], f"{sign}{self.currency}{abs(self.minor).bit_length()}"]


@dataclass(frozen=True, slots=True)
class Guess:
    """A category with its probability, and the word that speaks for it most."""

    category_id: UUID
    score: float
    word: str
    with_word: int
    """Choices of this category that had the word."""
    of_word: int
    """All choices that had it."""


@dataclass(slots=True)
class Learned:
    """Counts of choices."""

    chosen: Counter[UUID] = field(default_factory=Counter)
    words: dict[UUID, Counter[str]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    """How often each word was counted, whatever the category."""
    sizes: Counter[UUID] = field(default_factory=Counter)
    """How many words were counted for each category."""
    pairs: int = 0

    def learn(self, told: Told, category_id: UUID) -> None:
        """Count one choice."""
        self.chosen[category_id] += 1
        mine = self.words.setdefault(category_id, Counter())
        for word in told.words():
            if word in mine or self.pairs < MAX_PAIRS:
                self._count(category_id, mine, word, 1)

    def unlearn(self, told: Told, category_id: UUID) -> None:
        """Take one choice out again."""
        if category_id not in self.chosen:
            return
        mine = self.words[category_id]
        for word in told.words():
            if word in mine:
                self._count(category_id, mine, word, -1)
        self.chosen[category_id] -= 1
        if not self.chosen[category_id]:
            for word in list(mine):
                self._count(category_id, mine, word, -mine[word])
            del self.chosen[category_id], self.words[category_id], self.sizes[category_id]

    def _count(self, category_id: UUID, mine: Counter[str], word: str, times: int) -> None:
        self.pairs += word not in mine
        mine[word] += times
        self.seen[word] += times
        self.sizes[category_id] += times
        if not mine[word]:
            del mine[word]
            self.pairs -= 1
        if not self.seen[word]:
            del self.seen[word]

    def guess(self, told: Told) -> Guess | None:
        """The likeliest category if it is likely enough and a word speaks for it."""
        # An unknown word speaks against all that is known; an amount of an unknown size does not.
        words = [word for word in told.words() if word in self.seen or word[0] not in "+-"]
        named = [word for word in words if word in self.seen and word[0] not in "+-"]
        if not named:
            return None
        total = sum(self.chosen.values()) + 1
        size = len(self.seen) + 1
        weights: dict[UUID, float] = {}
        for category_id, count in self.chosen.items():
            mine = self.words[category_id]
            room = self.sizes[category_id] + _SMOOTHING * size
            weights[category_id] = math.log(count / total) + sum(
                math.log((mine[word] + _SMOOTHING) / room) for word in words
            )
        # Something else that was never chosen before, of which any word is as likely as another:
        # without it the only category of a young ledger would be certain, whatever is said.
        other = -math.log(total) - len(words) * math.log(size)
        best = max(sorted(weights), key=weights.__getitem__)
        everything = [*weights.values(), other]
        score = 1 / sum(math.exp(weight - weights[best]) for weight in everything)
        mine = self.words[best]
        # One that was seen once says less than one that was seen often and nearly always there.
        word = max(named, key=lambda one: mine[one] / (self.seen[one] + 1))
        if score < SURE_ENOUGH or not mine[word]:
            return None
        return Guess(best, score, word, mine[word], self.seen[word])

    def packed(self) -> bytes:
        """The counts as bytes, the same for the same counts."""
        told = {
            str(one): [count, dict(sorted(self.words[one].items()))]
            for one, count in sorted(self.chosen.items())
        }
        return zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 6)

    @classmethod
    def unpacked(cls, packed: bytes) -> "Learned":
        """Inverse of ``packed``."""
        learned = cls()
        for one, (count, words) in json.loads(zlib.decompress(packed)).items():
            learned.chosen[UUID(one)] = count
            learned.words[UUID(one)] = Counter(words)
            learned.seen.update(words)
            learned.sizes[UUID(one)] = sum(words.values())
            learned.pairs += len(words)
        return learned

    @classmethod
    def of(cls, choices: Iterable[tuple[Told, UUID]]) -> "Learned":
        """Counts of some choices."""
        learned = cls()
        for told, category_id in choices:
            learned.learn(told, category_id)
        return learned
