"""TLS to the servers behind us: whom we believe, and how much of it is checked."""

import ssl
from pathlib import Path
from typing import Final, Literal

TlsMode = Literal["disable", "require", "verify-ca", "verify-full"]
"""As in libpq: nothing, encrypted only, a known authority, and the right name too."""
MODES: Final = ("disable", "require", "verify-ca", "verify-full")


def trust(ca: Path | None = None) -> ssl.SSLContext:
    """Checks names and certificates against a file of authorities, or the system's."""
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def context_of(mode: TlsMode, ca: Path | None = None) -> ssl.SSLContext | bool:
    """What a client of PostgreSQL is given; False speaks no TLS."""
    if mode == "disable":
        return False
    context = trust(ca)
    if mode != "verify-full":
        context.check_hostname = False
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return context
