"""The command line: parse arguments, call the library, print results.

It uses argparse and not a richer framework: argparse is part of Python and imports in a tenth of
the time, and comparing two pictures takes less than half a second (docs/decisions/argparse.md).
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import TextIO

from renzheng import __version__
from renzheng.errors import RenzhengError

EXIT_CODES = {"match": 0, "no_match": 1, "inconclusive": 3, "not_comparable": 4}
USAGE_ERROR = 2
FAILURE = 5
INTERRUPTED = 130
BROKEN_PIPE = 141  # 128 and the signal's number

# The errors of writing to a full disk, a lost terminal or a closed descriptor. Errors of paths that
# cannot be opened are different: they name a file.
_WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}

_DESCRIPTION = "Decide whether the face on a document is the face in front of the camera."
_EPILOG = """\
examples:
  renzheng verify passport.jpg selfie.jpg
  renzheng verify passport.jpg selfie.jpg --json
  renzheng verify passport.jpg selfie.jpg --max-fmr 1e-5 --report why.html
  renzheng batch pairs.csv -o results.csv
  renzheng gallery search members gate.jpg
  renzheng duplicates photos/ --report duplicates.html
  renzheng serve
  renzheng evaluate pairs mine.csv --report mine.html
  renzheng demo

Pictures never leave this machine. `renzheng COMMAND --help` describes each command.
"""


# The modules of this package and their commands, in the order of the help. Only the module of the
# command asked for is imported: importing all of them takes longer than comparing two faces.
_COMMANDS = {
    "verification": ("verify", "demo"),
    "batch": ("batch",),
    "faces": ("detect", "align"),
    "embeddings": ("embed",),
    "documents": ("portrait",),
    "quality": ("quality",),
    "similarity": ("similar",),
    "duplicates": ("duplicates",),
    "specimen": ("specimen",),
    "gallery": ("gallery",),
    "service": ("serve",),
    "keys": ("keys",),
    "evaluation": ("evaluate",),
    "calibration": ("calibrate",),
    "training": ("train",),
    "packs": ("packs",),
    "doctor": ("doctor",),
    "bench": ("bench",),
}


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Build the parser of the command line.

    Parameters
    ----------
    command
        The only command to build a parser for, if it exists; by default all commands.
    """
    modules = [name for name, commands in _COMMANDS.items() if command in commands]
    parser = argparse.ArgumentParser(
        prog="renzheng",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"renzheng {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in modules or _COMMANDS:
        import_module(f"renzheng.apps.cli.{name}").register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    0 match (or success), 1 no match, 2 usage, 3 inconclusive, 4 not comparable, 5 the command
    itself failed (a pack cannot be built, a file or the output cannot be written, a defect of
    renzheng). Only a decision ends with 1.
    """
    _prepare_streams()
    if sys.stdout is None:
        _complain("standard output is closed: the result cannot be printed")
        return FAILURE
    try:
        try:
            return _run(arguments)
        finally:
            # Flushed here and not at exit, where a failure would end with Python's own exit code.
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader left early (`| head`). The exit code is the shell's for that, not a decision's.
        _discard(sys.stdout)
        return BROKEN_PIPE
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except Exception as error:
        _explain(error)
        return FAILURE


def _run(arguments: Sequence[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    parser = build_parser(words[0] if words else None)
    options, left = parser.parse_known_args(arguments)
    if left:
        # argparse accepts trailing words only if no option precedes them.
        if not hasattr(options, "overrides") or any("=" not in w or w[0] == "-" for w in left):
            parser.error(f"unrecognized arguments: {' '.join(left)}")
        options.overrides = [*options.overrides, *left]
    try:
        code: int = options.run(options)
        return code
    except RenzhengError as error:
        _complain(str(error))
        return USAGE_ERROR if isinstance(error, ValueError) else FAILURE


def _prepare_streams() -> None:
    """Let every file name print, and replace a closed standard error."""
    if sys.stderr is None:
        # print(file=None) would write to standard output.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _explain(error: Exception) -> None:
    """Print in one line why the command failed, for an error that nothing else has explained."""
    if os.environ.get("RENZHENG_DEBUG"):
        import traceback

        with suppress(OSError):
            traceback.print_exc()
    if isinstance(error, OSError) and error.filename is None and error.errno in _WRITE_ERRORS:
        _complain(f"the output cannot be written: {error.strerror}")
        _discard(sys.stdout)
    else:
        message = " ".join(str(error).split())
        _complain(
            f"internal error: {type(error).__name__}: {message} "
            "(set RENZHENG_DEBUG=1 for the traceback)"
        )


def _complain(line: str) -> None:
    try:
        print(f"renzheng: {line}", file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Discard what is left in a stream, or Python would fail on it again at exit."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, stream.fileno())
        finally:
            os.close(null)
