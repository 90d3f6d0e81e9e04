"""``similar``: compare two pictures as pictures, whatever they show."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import EXIT_CODES, options
from renzheng.errors import UnreadableImage

if TYPE_CHECKING:
    from renzheng.images.similarity import PictureSimilarity

_DESCRIPTION = """\
Measure how alike two pictures are as pictures, whatever they show, in three senses:

  hashes    the same picture: perceptual hashes (ImageHash) differ in few of 256 bits. They tolerate
            coding, resizing, brightness, a uniform frame, mirroring and cropping by a tenth. If the
            regions show that a part was changed (text over it, another portrait on the same card),
            the pair is a near-duplicate instead.
  regions   a near-duplicate: local features (SIFT) agree in content and position, so a part of one
            picture is in the other, cropped, turned, mirrored, seen obliquely or beside something
            else. --report shows the common part and the differences in it.
  features  look-alikes: the distance between the features of a network without its classifier. The
            default features come from a FACE network (dlib's ResNet below its top): good at finding
            a changed picture again, poor at the meaning of scenes and things. --features takes a
            pack of your own (`renzheng packs features MODEL.onnx -o PACK`). A pack without a
            measured threshold gives a distance and no decision.

Two photographs of one person are different pictures here. `renzheng verify` decides whether the
face is the same, and whether a live picture is the document's photograph.
Needs ImageHash: pip install 'renzheng[similarity]'.
"""
_EXIT_CODES = """\
examples:
  renzheng similar a.jpg b.jpg
  renzheng similar a.jpg b.jpg --report why.html

exit codes: 0 the same picture or a near-duplicate, 1 neither, 2 usage, 4 not comparable (unreadable
picture, or nothing in it), 5 the command itself failed
"""
_CODES = {"same_picture": 0, "near_duplicate": 0, "look_alike": 1, "different": 1}
_NOT_COMPARABLE = EXIT_CODES["not_comparable"]


def register(commands: Any) -> None:
    """Add the command of this module."""
    similar = options.add_command(
        commands,
        "similar",
        "tell whether two pictures are the same picture, or alike",
        _DESCRIPTION,
        _EXIT_CODES,
    )
    similar.add_argument("a", metavar="A", help="a picture")
    similar.add_argument("b", metavar="B", help="another picture")
    options.add_json(similar)
    similar.add_argument(
        "--report", type=Path, metavar="FILE", help="write a page (.html) or picture (.png) of why"
    )
    similar.add_argument(
        "--features",
        default="dlib-features",
        metavar="PACK",
        help="pack of picture features: a name, a folder, or none (default: dlib-features, from a "
        "face network)",
    )
    options.add_backend(similar)
    similar.set_defaults(run=_similar)


def _similar(arguments: argparse.Namespace) -> int:
    from renzheng.images import similarity

    if arguments.report is not None:
        from renzheng.apps.reports import similarity as report

        report.check_name(arguments.report)  # before the work, not after it
        options.check_output(arguments.report, [arguments.a, arguments.b])
    features = None
    if arguments.features != "none":
        features = similarity.Features(arguments.features, backend=arguments.backend)
    try:
        result = similarity.similarity(arguments.a, arguments.b, features=features)
    except UnreadableImage as error:
        print(f"renzheng: {error}", file=sys.stderr)
        if arguments.json:
            options.print_json({"likeness": "not_comparable", "reason": str(error)})
        return _NOT_COMPARABLE
    if arguments.report is not None:
        from renzheng.apps.reports import similarity as similarity_report

        similarity_report.save(result, arguments.report)
    if arguments.json:
        options.print_json(result.to_dict())
    else:
        print(_text(result))
        if arguments.report is not None:
            print(f"report      {arguments.report}")
    return _CODES.get(str(result.likeness), _NOT_COMPARABLE)


def _text(result: PictureSimilarity) -> str:
    from renzheng.images.similarity import words

    lines = [f"{words.HEADLINE[result.likeness].upper()}: {result.reason}", ""]
    for sense in words.senses(result):
        lines.append(f"{sense.name:<12}{sense.number}: {sense.decision}")
        lines += [f"{'':<12}{note}" for note in sense.notes]
    for letter, name, image in zip("ab", result.sources, result.images, strict=True):
        lines.append(f"{letter:<12}{name}: {image.shape[1]} x {image.shape[0]} px")
    lines.append(f"time        {sum(result.timings_ms.values()):.0f} ms")
    return "\n".join(lines)
