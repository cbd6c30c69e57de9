"""Actors as the session cache remembers them: an image is opened once and copied for each request."""

from dataclasses import replace
from functools import lru_cache

from resolvers.access import Actor
from resolvers.events import image_of


def actor_of_image(image: bytes) -> Actor:
    """The actor of a session's image: one of its own for each request, for it knows the day."""
    return replace(_known_actor(image))


@lru_cache(maxsize=4_096)
def _known_actor(image: bytes) -> Actor:
    found: Actor = image_of(Actor).validate_json(image)
    return found
