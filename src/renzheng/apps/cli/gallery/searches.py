"""``gallery search``, ``check`` and ``calibrate``: who is it, and how sure can one be?"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import options, terminal
from renzheng.apps.cli.gallery import options as common
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.gallery import Identification

_SEARCH = """\
Who is it? The nearest entries, with the distance, the false match rate of that one comparison (FMR)
and the false positive identification rate of the whole search (FPIR), and a decision:
identified (FPIR up to --max-fpir), not identified, or inconclusive: a person should look.
"""
_SEARCH_CODES = """\
exit codes: 0 identified, 1 not identified, 2 usage, 3 inconclusive, 4 not comparable (unreadable
picture, no face), 5 the command failed; of several pictures the highest
"""
_CODES = {"identified": 0, "not_identified": 1, "inconclusive": 3, "not_comparable": 4}
_CHECK = """\
Is one person in the gallery under two names? Every entry is compared with every other, and pairs
of different people who lie as near as a search would take for an identification are listed,
nearest first. In a gallery without duplicates up to --max-fpir of the entries have a stranger so
near: look at the pictures (--report) before you accuse anybody. Where the files that entries were
made from are still there, pairs that are one photograph are marked.
"""
_CALIBRATE = """\
Measure FPIR on the gallery itself: entries are searched among those of all other people, and how
near the nearest stranger comes is kept. Large galleries need it, since what the pack's calibration
can promise grows with their size. It holds for probes that are like the entries, and duplicates
make it too high: run `gallery check` first, and again when the gallery has doubled.
"""


def register(actions: Any) -> None:
    """Add the actions of this module."""
    search = common.add_action(actions, "search", "who is it?", _search, _SEARCH, _SEARCH_CODES)
    search.add_argument("pictures", nargs="+", metavar="PICTURE")
    search.add_argument(
        "-k", "--count", type=int, default=5, metavar="N", help="candidates to show (default: 5)"
    )
    common.add_where(search)
    common.add_policy(search)
    search.add_argument(
        "--inconclusive",
        type=float,
        default=10.0,
        metavar="TIMES",
        help="inconclusive up to this many times --max-fpir (default: 10; 1 switches it off)",
    )
    common.add_role(search)
    search.add_argument(
        "--exact", action="store_true", help="compare every entry, even where there is an index"
    )
    common.add_report(search, "with the pictures of the candidates whose files are still there")
    options.add_json(search)

    check = common.add_action(actions, "check", "one person under two names?", _check, _CHECK)
    common.add_policy(check)
    check.add_argument(
        "--most", type=int, default=100, metavar="N", help="pairs to list (default: 100)"
    )
    common.add_report(check, "with the pictures of each pair whose files are still there")
    check.epilog = "exit codes: 0 nobody, 1 suspicious pairs, 2 usage, 5 the command failed"
    options.add_json(check)

    calibrate = common.add_action(
        actions, "calibrate", "measure FPIR on it", _calibrate, _CALIBRATE
    )
    calibrate.add_argument(
        "--searches",
        type=int,
        default=10_000,
        metavar="N",
        help="how many; 30 / N is the lowest rate to speak of (default: 10,000)",
    )
    calibrate.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    options.add_json(calibrate)


def _search(arguments: argparse.Namespace) -> int:
    policy = common.policy(arguments)
    common.check_report(arguments, arguments.pictures)
    if arguments.report is not None and len(arguments.pictures) > 1:
        raise InvalidInput("--report shows one search, and there are more pictures")
    gallery = common.opened(arguments)
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
            from renzheng.apps.reports import gallery as page

            page.save_search(found, picture, arguments.report, measured=measured)
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
        print(f"  {each.rank:>4} {each.distance:>8.4f}  {each.fmr!s:>16}  {each.fpir!s:>16}  {who}")
    if measured:
        print(f"  FMR measured on {measured}")


def _check(arguments: argparse.Namespace) -> int:
    common.check_least(arguments, "most")
    common.check_report(arguments, ())
    policy = common.policy(arguments)
    gallery = common.opened(arguments)
    with terminal.progress() as tell:
        pairs, more = gallery.check(
            policy,
            most=arguments.most,
            progress=lambda done, whole: tell("comparing", done, whole),
        )
    lowest = gallery.lowest_fpir() or 0.0
    if lowest > policy.max_fpir * (1 + 1e-9):
        print(
            f"renzheng: in a gallery of this size an FPIR of {policy.max_fpir:.2g} cannot be "
            f"promised: pairs up to {lowest:.2g} are listed (`renzheng gallery calibrate` helps)",
            file=sys.stderr,
        )
    if arguments.report is not None:
        from renzheng.apps.reports import gallery as page

        page.save_check(pairs, more, arguments.report, measured=gallery.measured_on)
    if arguments.json:
        options.print_json({"pairs": [pair.to_dict() for pair in pairs], "left_out": more})
        return 1 if pairs else 0
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
    gallery = common.opened(arguments)
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
        f"they speak down to a false positive identification rate of {measured.resolution:.2g}"
    )
    return 0
