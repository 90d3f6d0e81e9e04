"""``verify`` and ``demo``: two pictures in, a decision out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.cli import EXIT_CODES, options
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.types import Capture, Verification
    from renzheng.verifier import Verifier

_VERIFY = """\
Compare the face on a document with a live face.

The two sides are not alike. A document is turned, flattened and searched until its main portrait is
found; a ghost portrait is told from it. A live picture must hold one person, and must not be the
document's own portrait. --roles changes what each side is taken for.

Both faces are found, aligned and turned into embeddings; the Euclidean distance between these is
read off a calibration as a false match rate: how often two different people come this close. The
policy accepts up to --max-fmr and calls what lies just above it inconclusive.
"""
_EXIT_CODES = """\
exit codes: 0 match, 1 no match, 2 usage, 3 inconclusive, 4 not comparable (unreadable picture, no
face, several people, or quality below what is demanded), 5 the command itself failed (a pack or a
report cannot be written)
"""


def register(commands: Any) -> None:
    """Add the commands of this module."""
    verify = commands.add_parser(
        "verify",
        help="are these two the same person?",
        description=_VERIFY,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verify.add_argument("reference", metavar="ID_PHOTO", help="picture of or from the document")
    verify.add_argument("probe", metavar="LIVE_PHOTO", help="picture of the person")
    _add_policy(verify)
    options.add_pack(verify)
    options.add_detection(verify)
    options.add_json(verify)
    verify.add_argument(
        "--report", type=Path, metavar="FILE", help="write a page (.html) or picture (.png) of why"
    )
    verify.add_argument(
        "--roles",
        default="document,live",
        metavar="REFERENCE,PROBE",
        help="what the pictures are of: document, live or photo each (default: document,live; "
        "photo,photo compares two photographs, bystanders allowed)",
    )
    verify.set_defaults(run=_verify)

    demo = commands.add_parser(
        "demo",
        help="try it without pictures of your own",
        description="Print a public-domain portrait on a specimen card, degrade it as a scan "
        "would, compare it with the original and write a report. Needs renzheng[demo].",
    )
    demo.add_argument(
        "--out",
        type=Path,
        default=Path("renzheng-demo"),
        metavar="FOLDER",
        help="where the pictures and the report go (default: renzheng-demo)",
    )
    _add_policy(demo)
    options.add_pack(demo)
    options.add_detection(demo)
    options.add_json(demo)
    demo.set_defaults(run=_demo)


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-fmr",
        type=float,
        default=1e-4,
        metavar="RATE",
        help="highest false match rate of a match (default: 1e-4, one in 10,000)",
    )
    parser.add_argument(
        "--inconclusive",
        type=float,
        default=10.0,
        metavar="TIMES",
        help="inconclusive up to this many times --max-fmr (default: 10; 1 switches it off)",
    )
    parser.add_argument(
        "--min-quality",
        action="append",
        default=[],
        metavar="ROLE.MEASURE=N",
        help="refuse a side whose quality component is below N of 100, e.g. live.sharpness=30; "
        "repeatable (`renzheng quality` shows the measures)",
    )
    parser.add_argument(
        "--liveness",
        metavar="PACK",
        help="ask this pack whether the live picture shows a live face: minifasnet, once it is "
        "there (`renzheng packs add minifasnet`), or a folder. Below the threshold there is no "
        "match. One picture cannot rule out a good print, screen or mask, or an injected stream "
        "(default: do not ask)",
    )
    parser.add_argument(
        "--min-liveness",
        type=float,
        metavar="SCORE",
        help="threshold of --liveness, 0 to 1 (default: the pack's)",
    )
    parser.add_argument(
        "--allow-several-faces",
        action="store_true",
        help="compare the chosen face even where another one of similar size could be meant",
    )
    parser.add_argument(
        "--allow-same-picture",
        action="store_true",
        help="let a live picture that is the document's own portrait be a match",
    )


def _verify(arguments: argparse.Namespace) -> int:
    if arguments.report is not None:
        from renzheng import report

        report.check_suffix(arguments.report)  # before the work, not after it
        options.check_output(arguments.report, [arguments.reference, arguments.probe])
    return _answer(
        arguments,
        _verifier(arguments),
        arguments.reference,
        arguments.probe,
        arguments.report,
    )


def _demo(arguments: argparse.Namespace) -> int:
    from renzheng import demo

    arguments.allow_same_picture = True  # there is no second public-domain picture of her
    verifier = _verifier(arguments)
    card, portrait = demo.write_pictures(verifier, arguments.out)
    code = _answer(arguments, verifier, str(card), str(portrait), arguments.out / "report.html")
    if not arguments.json:
        print(
            "\nThe demo has one picture of her only, so its live picture is the very photograph of "
            "the card.\n`renzheng verify` would call no match on that."
        )
    return code


def _verifier(arguments: argparse.Namespace) -> Verifier:
    from renzheng import quality
    from renzheng.comparison import Policy

    document, live = quality.read_demands(arguments.min_quality)
    policy = Policy(
        max_fmr=arguments.max_fmr,
        inconclusive=arguments.inconclusive,
        min_document_quality=document,
        min_live_quality=live,
        allow_several_faces=arguments.allow_several_faces,
        allow_same_picture=arguments.allow_same_picture,
        min_liveness=arguments.min_liveness,
    )
    roles = tuple(role.strip() for role in getattr(arguments, "roles", "document,live").split(","))
    if len(roles) != 2:
        raise InvalidInput(
            f"--roles names two roles, not {','.join(roles)!r}", remedy="e.g. document,live"
        )
    return options.verifier(arguments, policy=policy, roles=roles, liveness=arguments.liveness)


def _answer(
    arguments: argparse.Namespace,
    verifier: Verifier,
    reference: str,
    probe: str,
    report_path: Path | None,
) -> int:
    result = verifier.verify(reference, probe)
    if report_path is not None:
        from renzheng import report

        report.save(result, verifier.calibration, report_path)
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
        lines += [
            f"distance    {result.comparison.distance:.4f}  (Euclidean, 0 to 2)",
            f"similarity  {result.comparison.similarity:.4f}  (cosine, -1 to 1)",
            f"fmr         {result.comparison.fmr}  (false match rate at this distance)",
        ]
        if result.comparison.llr is not None:
            lines.append(
                f"llr         {result.comparison.llr:+.1f}  (natural log-likelihood ratio; above 0 "
                "the distance speaks for one person)"
            )
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
    lines += [f"{f.effect!s:<12}{f.side}: {f.message}" for f in result.findings]
    lines.append(f"time        {result.timings_ms['total']:.0f} ms")
    return "\n".join(lines)


def _side(capture: Capture) -> str:
    if capture.face is None or capture.image is None:
        return capture.source
    height, width = capture.image.shape[:2]
    words = [
        f"{capture.source}: {width} x {height} px, {len(capture.faces)} face(s), "
        f"{capture.face.inter_eye_distance:.0f} px between the eyes"
    ]
    if len(capture.faces) > 1 and capture.choice is not None:
        words.append(f"chosen: {capture.choice.reason}")
    return "; ".join((*words, *capture.preparation.steps))
