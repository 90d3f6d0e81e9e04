"""Keys of encrypted exports, in the form of age (age-encryption.org/v1, X25519)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from renzheng._support import files
from renzheng.errors import InvalidInput, RenzhengError

KEY_VARIABLE = "RENZHENG_GALLERY_KEY"

_MAX_KEY_BYTES = 1 << 16


def new_key() -> str:
    """Return a new secret key in the form of ``age-keygen``."""
    return str(age().x25519.Identity.generate())


def read_key(file: Path | None = None) -> str | None:
    """Return the secret key from a file, or else from the environment, or None.

    Parameters
    ----------
    file
        A file with the key (``AGE-SECRET-KEY-1...``) on one line; lines that begin with ``#`` are
        skipped. Without a file, ``$RENZHENG_GALLERY_KEY`` is read.

    Raises
    ------
    InvalidInput
        If there is no key in it.
    """
    source = f"${KEY_VARIABLE}" if file is None else str(file)
    if file is None:
        text = os.environ.get(KEY_VARIABLE, "")
        if not text:
            return None
    else:
        text = files.read(file, _MAX_KEY_BYTES).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(keys) != 1:
        raise InvalidInput(f"there must be one key, and there are {len(keys)}", source=source)
    identity(keys[0], source)
    return keys[0]


def recipient_of(key: str) -> str:
    """Return the public key (``age1...``) that belongs to a secret one."""
    return str(identity(key, "the key").to_public())


def identity(key: str, source: str) -> Any:
    """Return a secret key as age takes it.

    Parameters
    ----------
    key
        The key.
    source
        The place where the key was read, for messages.

    Raises
    ------
    InvalidInput
        If it is no secret key.
    """
    library = age()
    try:
        return library.x25519.Identity.from_str(key)
    except (library.IdentityError, ValueError) as error:
        # The library's own message could hold a part of the key.
        raise InvalidInput(
            "this is no secret key", source=source, remedy="it looks like AGE-SECRET-KEY-1..."
        ) from error


def recipient(text: str) -> Any:
    """Return a public key as age takes it.

    Raises
    ------
    InvalidInput
        If it is no public key.
    """
    library = age()
    try:
        return library.x25519.Recipient.from_str(text)
    except (library.RecipientError, ValueError) as error:
        raise InvalidInput(
            f"{text!r} is no public key", remedy="it looks like age1...; `gallery key` prints it"
        ) from error


def age() -> Any:
    """Return the module ``pyrage``.

    Raises
    ------
    RenzhengError
        If it is not installed.
    """
    try:
        import pyrage
    except ImportError as error:
        raise RenzhengError(
            "encrypted exports need the package pyrage", remedy="pip install 'renzheng[gallery]'"
        ) from error
    return pyrage
