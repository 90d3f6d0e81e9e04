"""The errors of renzheng: each says what was wrong, with which file, and what to do."""

from __future__ import annotations


class RenzhengError(Exception):
    """The root of every error that renzheng raises on purpose.

    Parameters
    ----------
    reason
        The fault, in words for the person who gave the input.
    source
        The file (or other name) with the fault, if there is one.
    remedy
        The way to mend it, if there is one.
    """

    def __init__(self, reason: str, *, source: str | None = None, remedy: str | None = None):
        self.reason = reason
        self.source = source
        self.remedy = remedy
        super().__init__(reason)

    def __str__(self) -> str:
        text = f"{self.source}: {self.reason}" if self.source else self.reason
        return f"{text} ({self.remedy})" if self.remedy else text


class UnreadableImage(RenzhengError):  # noqa: N818 - the name says what happened
    """The bytes are not a picture that can be read safely and completely."""


class NoFace(RenzhengError):  # noqa: N818
    """No face was found where one is needed (a failure to acquire, ISO/IEC 19795-1)."""


class PackError(RenzhengError):
    """A pack is missing, damaged, of the wrong kind, or cannot be built."""


class InvalidInput(RenzhengError, ValueError):  # noqa: N818
    """An argument of a call is outside what the call accepts."""
