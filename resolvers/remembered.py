"""Actors as the session cache remembers them: an image is opened once and copied for each request."""

from functools import lru_cache

from resolvers.access import Actor
from resolvers.events import image_of


def actor_of_image(image: bytes) -> Actor:
    """The actor of a session's image: one of its own for each request, for it knows the day."""
    known = _known_actor(image)
    # As ``dataclasses.replace``, which asks every field by its name.
    mine = object.__new__(Actor)
    mine.__dict__.update(known.__dict__)
    return mine


@lru_cache(maxsize=4_096)
def _known_actor(image: bytes) -> Actor:
    found: Actor = image_of(Actor).validate_json(image)
    return found
