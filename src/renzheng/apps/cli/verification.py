"""``verify`` and ``demo``: decide whether two pictures show the same person."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import EXIT_CODES, options, policies

if TYPE_CHECKING:
    from renzheng.types import Capture, Comparison, Verification
    from renzheng.verification.verifier import Verifier

_VERIFY = """\
Compare the face on a document with a live face.

The two pictures are treated differently. A document is turned, rectified and searched until its
main portrait is found and distinguished from a ghost portrait. A live picture must show one person,
and must not be the document's own portrait. --roles changes the kind of each picture.

Both faces are found, aligned and turned into embeddings. A calibration converts the Euclidean
distance between these to a false match rate: how often two different people come this close. The
policy accepts up to --max-fmr and calls rates just above it inconclusive. If the calibration names
the populations it was measured on, the rate is the worst of those it covers: nobody states or
guesses which of them the person in front of the camera belongs to.
"""
_DEMO = """\
Print a public-domain portrait on a specimen card, degrade it as a scan would, compare it with the
original and write a report. Needs renzheng[demo].
"""
_EXIT_CODES = """\
exit codes: 0 match, 1 no match, 2 usage, 3 inconclusive, 4 not comparable (unreadable picture, no
face, several people, or quality below what is demanded), 5 the command itself failed (a pack or a
report cannot be written)
"""


def register(commands: Any) -> None:
    """Add the commands of this module."""
    _add_verify(commands)
    _add_demo(commands)


def _add_verify(commands: Any) -> None:
    verify = options.add_command(
        commands,
        "verify",
        "decide whether two pictures show the same person",
        _VERIFY,
        _EXIT_CODES,
    )
    verify.add_argument("reference", metavar="ID_PHOTO", help="picture of or from the document")
    verify.add_argument("probe", metavar="LIVE_PHOTO", help="picture of the person")
    policies.add_policy(verify)
    options.add_pack(verify)
    options.add_detection(verify)
    options.add_json(verify)
    verify.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="write a page (.html) that explains the decision",
    )
    policies.add_roles(verify)
    verify.set_defaults(run=_verify)


def _add_demo(commands: Any) -> None:
    demo = options.add_command(commands, "demo", "try it without pictures of your own", _DEMO)
    demo.add_argument(
        "--out",
        type=Path,
        default=Path("renzheng-demo"),
        metavar="FOLDER",
        help="folder to write the pictures and the report to (default: renzheng-demo)",
    )
    policies.add_policy(demo)
    options.add_pack(demo)
    options.add_detection(demo)
    options.add_json(demo)
    demo.set_defaults(run=_demo)


def _verify(arguments: argparse.Namespace) -> int:
    # No large matrix is multiplied here, and numpy's threads for that take longer to start than two
    # faces take to compare.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if arguments.report is not None:
        from renzheng.apps.reports import pages

        pages.check_name(arguments.report)  # before the work, not after it
        options.check_output(arguments.report, [arguments.reference, arguments.probe])
    return _answer(
        arguments,
        policies.load_verifier(arguments),
        arguments.reference,
        arguments.probe,
        arguments.report,
    )


def _demo(arguments: argparse.Namespace) -> int:
    from renzheng.datasets import demo

    arguments.allow_same_picture = True  # there is no second public-domain picture of her
    verifier = policies.load_verifier(arguments)
    card, portrait = demo.write_pictures(verifier, arguments.out)
    code = _answer(arguments, verifier, str(card), str(portrait), arguments.out / "report.html")
    if not arguments.json:
        print(
            "\nThe demo has one picture of her only, so its live picture is the very photograph of "
            "the card.\n`renzheng verify` would call no match on that."
        )
    return code


def _answer(
    arguments: argparse.Namespace,
    verifier: Verifier,
    reference: str,
    probe: str,
    report_path: Path | None,
) -> int:
    result = verifier.verify(reference, probe)
    if report_path is not None:
        from renzheng.apps.reports import verification

        verification.save(result, verifier.calibration, report_path)
    if arguments.json:
        options.print_json(result.to_dict())
    else:
        print(_text(result))
        if report_path is not None:
            print(f"report      {report_path}")
    return EXIT_CODES[str(result.decision)]


def _text(result: Verification) -> str:
    lines = [f"{str(result.decision).replace('_', ' ').upper()}: {result.reason}", ""]
    if result.comparison is not None:
        lines += _figures(result.comparison)
    lines += [
        f"policy      match up to a false match rate of {result.policy['max_fmr']:.2g}, "
        f"inconclusive up to {result.policy['max_fmr'] * result.policy['inconclusive']:.2g}",
        f"pack        {result.pack['name']} {result.pack['version']} "
        f"({result.pack['digest'][:12]})",
        f"reference   {_side(result.reference)}",
        f"probe       {_side(result.probe)}",
    ]
    if result.liveness is not None:
        lines.append(f"liveness    {result.liveness.score:.3f}  (0 to 1; no proof by itself)")
    lines += [f"{f.severity!s:<12}{f.side}: {f.message}" for f in result.findings]
    lines.append(f"time        {result.timings_ms['total']:.0f} ms")
    return "\n".join(lines)


def _figures(comparison: Comparison) -> list[str]:
    from renzheng.types import InformationGrade
    from renzheng.verification import populations

    information = comparison.information
    if comparison.fmr is not None:
        rate = f"{comparison.fmr}  (false match rate at this distance)"
    elif information.grade is InformationGrade.INSUFFICIENT:
        rate = "not stated: both faces show too little for any false match rate to hold"
    else:
        rate = "not stated: the pack has no calibration"
    lines = [
        f"distance    {comparison.distance:.4f}  (Euclidean, 0 to 2)",
        f"similarity  {comparison.similarity:.4f}  (cosine, -1 to 1)",
        f"fmr         {rate}",
    ]
    # A calibration without strengths says so of every comparison: that is no news.
    if information.grade is not InformationGrade.FULL and information.wanted is not None:
        lines.append(f"information {information}")
    for label, rates in (
        ("measured on", populations.measured_on(comparison.populations)),
        ("not covered", populations.not_covered(comparison.populations)),
    ):
        if rates:
            lines.append(f"{label:<12}{rates}")
    if comparison.llr is not None:
        lines.append(
            f"llr         {comparison.llr:+.1f}  (natural log-likelihood ratio; above 0 "
            "the distance speaks for one person)"
        )
    return lines


def _side(capture: Capture) -> str:
    if capture.face is None or capture.image is None:
        return capture.source
    height, width = capture.image.shape[:2]
    words = [
        f"{capture.source}: {width} x {height} px, {len(capture.faces)} face(s), "
        f"{capture.face.inter_eye_distance:.0f} px between the eyes"
    ]
    if capture.origin is not None:
        words.append(str(capture.origin))
    if len(capture.faces) > 1 and capture.choice is not None:
        words.append(f"chosen: {capture.choice.reason}")
    return "; ".join((*words, *capture.rectification.steps))
