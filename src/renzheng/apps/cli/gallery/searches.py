"""``gallery search``, ``check`` and ``calibrate``: identify people, and measure how reliably."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import options, terminal
from renzheng.apps.cli.gallery import gallery_options
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.gallery import Identification

_SEARCH = """\
List the nearest entries, with the distance, the false match rate of that one comparison (FMR) and
the false positive identification rate of the whole search (FPIR), and decide: identified (FPIR up
to --max-fpir), not identified, or inconclusive, when a person should look. Where the probe and an
entry both show too little of a face, no rate holds for them, and the search is inconclusive.
"""
_SEARCH_CODES = """\
exit codes: 0 identified, 1 not identified, 2 usage, 3 inconclusive, 4 not comparable (unreadable
picture, no face), 5 the command failed; of several pictures the highest
"""
_CODES = {"identified": 0, "not_identified": 1, "inconclusive": 3, "not_comparable": 4}
_CHECK = """\
Compare every entry with every other, and list the pairs of different names that are near enough for
a search to identify one as the other, nearest first. In a gallery without duplicates, up to
--max-fpir of the entries have an impostor this near, so look at the pictures (--report) before
accusing anybody. Pairs that both show too little of a face for any rate to hold are not listed, but
counted. Pairs that are the same photograph are marked if the files of both entries still
exist.
"""
_CALIBRATE = """\
Measure FPIR on the gallery itself: entries are searched among those of all other people, and the
distances of the nearest impostors are stored. Large galleries need this, since the lowest FPIR that
the pack's calibration can promise grows with their size. The result holds for probes like the
entries, and duplicates make it too high, so run `gallery check` first. Calibrate again when the
gallery has doubled.
"""


def register(actions: Any) -> None:
    """Add the actions of this module."""
    _add_search(actions)
    _add_check(actions)
    _add_calibrate(actions)


def _add_search(actions: Any) -> None:
    search = gallery_options.add_action(
        actions, "search", "identify the person in a picture", _search, _SEARCH, _SEARCH_CODES
    )
    search.add_argument("pictures", nargs="+", metavar="PICTURE")
    search.add_argument(
        "-k", "--count", type=int, default=5, metavar="N", help="candidates to show (default: 5)"
    )
    gallery_options.add_where(search)
    gallery_options.add_policy(search)
    search.add_argument(
        "--inconclusive",
        type=float,
        default=10.0,
        metavar="TIMES",
        help="inconclusive up to this many times --max-fpir (default: 10; 1 for never)",
    )
    gallery_options.add_role(search)
    search.add_argument(
        "--exact", action="store_true", help="compare every entry, even if there is an index"
    )
    gallery_options.add_report(search, "with pictures of the candidates whose files still exist")
    options.add_json(search)


def _add_check(actions: Any) -> None:
    check = gallery_options.add_action(
        actions,
        "check",
        "find people enrolled under two names",
        _check,
        _CHECK,
        "exit codes: 0 nobody, 1 suspicious pairs, 2 usage, 5 the command failed",
    )
    gallery_options.add_policy(check)
    check.add_argument(
        "--most", type=int, default=100, metavar="N", help="most pairs to list (default: 100)"
    )
    gallery_options.add_report(check, "with pictures of each pair whose files still exist")
    options.add_json(check)


def _add_calibrate(actions: Any) -> None:
    calibrate = gallery_options.add_action(
        actions, "calibrate", "measure FPIR on the gallery", _calibrate, _CALIBRATE
    )
    calibrate.add_argument(
        "--searches",
        type=int,
        default=10_000,
        metavar="N",
        help="number of searches; 30 / N is the lowest rate that they can measure (default: "
        "10,000)",
    )
    options.add_seed(calibrate, "the draw")
    options.add_json(calibrate)


def _search(arguments: argparse.Namespace) -> int:
    policy = gallery_options.policy(arguments)
    gallery_options.check_report(arguments, arguments.pictures)
    if arguments.report is not None and len(arguments.pictures) > 1:
        raise InvalidInput("--report shows one search, but several pictures are given")
    gallery = gallery_options.open_gallery(arguments)
    measured = gallery.measured_on
    code = 0
    results = []
    for picture in arguments.pictures:
        found = gallery.search(
            picture,
            arguments.count,
            where=arguments.where,
            policy=policy,
            role=arguments.role,
            exact=arguments.exact or None,
        )
        code = max(code, _CODES[str(found.decision)])
        if arguments.report is not None:
            from renzheng.apps.reports import gallery as gallery_report

            gallery_report.save_search(found, picture, arguments.report, measured=measured)
        if arguments.json:
            results.append({"source": picture, **found.to_dict()})
        else:
            _print_search(picture, found, measured)
    if arguments.json:
        options.print_json(results[0] if len(results) == 1 else results)
    return code


def _print_search(picture: str, found: Identification, measured: str) -> None:
    print(f"{picture}: {str(found.decision).replace('_', ' ')}")
    print(f"  {found.reason}")
    for finding in found.findings:
        print(f"  {finding.severity}: {finding.message}")
    if not found.candidates:
        return
    how = "" if found.exact else ", by an index"
    print(f"  the nearest of {found.searched:,} entries{how}:")
    print(f"  {'':>4} {'distance':>8}  {'FMR':>16}  {'FPIR':>16}  who")
    for each in found.candidates:
        who = each.entry.person
        if each.entry.id != who:
            who += f" ({each.entry.id})"
        fmr, fpir = ("-" if rate is None else str(rate) for rate in (each.fmr, each.fpir))
        print(f"  {each.rank:>4} {each.distance:>8.4f}  {fmr:>16}  {fpir:>16}  {who}")
    if any(each.fmr is None for each in found.candidates):
        print("  -: the probe and this entry both show too little of a face for a rate to hold")
    if measured:
        print(f"  FMR measured on {measured}")


def _check(arguments: argparse.Namespace) -> int:
    gallery_options.check_positive(arguments, "most")
    gallery_options.check_report(arguments, ())
    policy = gallery_options.policy(arguments)
    gallery = gallery_options.open_gallery(arguments)
    with terminal.progress() as tell:
        found = gallery.find_duplicates(
            policy,
            most=arguments.most,
            progress=lambda done, whole: tell("comparing", done, whole),
        )
    pairs, more = found.pairs, found.left_out
    lowest = gallery.lowest_fpir() or 0.0
    if lowest > policy.max_fpir * (1 + 1e-9):
        print(
            f"renzheng: in a gallery of this size an FPIR of {policy.max_fpir:.2g} cannot be "
            f"promised: pairs up to {lowest:.2g} are listed (`renzheng gallery calibrate` helps)",
            file=sys.stderr,
        )
    if arguments.report is not None:
        from renzheng.apps.reports import gallery as gallery_report

        gallery_report.save_check(found, arguments.report, measured=gallery.measured_on)
    if arguments.json:
        options.print_json(
            {
                "pairs": [pair.to_dict() for pair in pairs],
                "left_out": more,
                "without_rate": found.without_rate,
            }
        )
        return 1 if pairs else 0
    if found.without_rate:
        print(
            f"renzheng: {found.without_rate:,} more pairs are as near, but both show too little of "
            "a face for any rate to hold: enrol better pictures of them",
            file=sys.stderr,
        )
    if not pairs:
        print(f"no two people of {len(gallery):,} entries look like one")
        return 0
    print(f"{'distance':>8}  {'FMR':>16}  {'FPIR':>16}  who")
    for pair in pairs:
        one, other = (f"{each.person} ({each.id})" for each in pair.entries)
        same = ""
        if pair.same_file:
            same = "  the same file"
        elif pair.same_photo is not None and pair.same_photo.same:
            same = "  one photograph"
        print(f"{pair.distance:>8.4f}  {pair.fmr!s:>16}  {pair.fpir!s:>16}  {one}, {other}{same}")
    if more:
        print(f"and {more:,} more pairs (--most)")
    if gallery.measured_on:
        print(f"FMR measured on {gallery.measured_on}")
    return 1


def _calibrate(arguments: argparse.Namespace) -> int:
    gallery = gallery_options.open_gallery(arguments)
    with terminal.progress() as tell:
        measured = gallery.calibrate(
            searches=arguments.searches,
            seed=arguments.seed,
            progress=lambda done, whole: tell("searching", done, whole),
        )
    if arguments.json:
        options.print_json(
            {
                "searches": measured.searches,
                "entries": measured.entries,
                "resolution": measured.resolution,
            }
        )
        return 0
    print(
        f"{measured.searches:,} searches among {measured.entries:,} entries; "
        f"they reach down to a false positive identification rate of {measured.resolution:.2g}"
    )
    return 0
