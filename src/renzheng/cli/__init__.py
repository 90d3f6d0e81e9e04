"""The command line: parse, call the library, print.

argparse and not a richer framework: it is part of Python and imports in a tenth of the time, and
comparing two pictures is over in less than half a second.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from renzheng import __version__
from renzheng.errors import RenzhengError

EXIT_CODES = {"match": 0, "no_match": 1, "inconclusive": 3, "not_comparable": 4}
USAGE_ERROR = 2
FAILURE = 5
INTERRUPTED = 130

_DESCRIPTION = "Is the face on the document the face before the camera?"
_EPILOG = """\
examples:
  renzheng verify passport.jpg selfie.jpg
  renzheng verify passport.jpg selfie.jpg --json
  renzheng verify passport.jpg selfie.jpg --max-fmr 1e-5 --report why.html
  renzheng evaluate pairs mine.csv --report mine.html
  renzheng demo

Pictures never leave this machine. `renzheng COMMAND --help` tells more about each command.
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    from renzheng.cli import evaluation, faces, machine, quality, training, verification

    parser = argparse.ArgumentParser(
        prog="renzheng",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"renzheng {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (verification, faces, quality, evaluation, training, machine):
        module.register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    0 match (or success), 1 no match, 2 usage, 3 inconclusive, 4 not comparable, 5 the command
    itself failed (a pack cannot be built, a file cannot be written).
    """
    parser = build_parser()
    options, left = parser.parse_known_args(arguments)
    if left:
        # argparse takes trailing words only where no option stands before them.
        if not hasattr(options, "overrides") or any("=" not in w or w[0] == "-" for w in left):
            parser.error(f"unrecognized arguments: {' '.join(left)}")
        options.overrides = [*options.overrides, *left]
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except RenzhengError as error:
        print(f"renzheng: {error}", file=sys.stderr)
        return USAGE_ERROR if isinstance(error, ValueError) else FAILURE
    except BrokenPipeError:
        # The reader left early (`| head`): nothing is wrong. Python would complain once more
        # when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("renzheng: interrupted", file=sys.stderr)
        return INTERRUPTED
