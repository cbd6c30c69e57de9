"""Erasure: a person leaves for good, unreadable at once and gone soon after."""

from resolvers.erasure.asking import ERASE_PERSON, DeleteUser, Erasures
from resolvers.erasure.carrying import erase_handler, erase_last_words
from resolvers.erasure.receipt import Receipt

__all__ = ["ERASE_PERSON", "DeleteUser", "Erasures", "Receipt", "erase_handler", "erase_last_words"]
