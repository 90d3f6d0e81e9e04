"""How documents quote `results.json`: between comments, rendered again by one command.

A block stands on lines of its own between the comments `results:NAME` and `/results`; NAME is a
table of `TABLES`, with `:zh` for Chinese headers. A number in a sentence stands between
`results:value PATH` and `/results`, or `results:interval PATH` with its 95 % interval, PATH being
the section and the keys of its values, joined by dots: `lfw-all.fnmr.1e-4`. What was not measured
says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from renzheng._support import files
from results_measuring import (
    AGES,
    CAPTURES,
    CHANNELS,
    MORE_CHANNELS,
    OTHER,
    RACES,
    SECTIONS,
    rate_key,
)

Values = Mapping[str, Any]
Rows = Sequence[Sequence[str]]

NOT_YET = {"en": "_not measured yet_", "zh": "_尚未测量_"}
READABLE = "benchmarks/results.md"

_MARK = re.compile(r"<!-- results:(?P<name>[^\n]*?) -->(?P<body>.*?)<!-- /results -->", re.DOTALL)
_OPENING, _CLOSING = "<!-- results:", "<!-- /results -->"
_RATES = ("fmr", "finest_fmr", "observed_fmr")
_NAMED_RATES = ("resolution", "promised_fmr")  # of one digit, not measured


class MisquotedError(Exception):
    """A document asks for what there is not, or in a way that cannot be read."""


# --- numbers


def percent(share: float, places: int | None = None) -> str:
    """A share in percent, without the sign, with as many digits as say something."""
    value = 100 * share
    if value in (0, 100):
        return f"{value:.0f}"
    text = f"{value:.{_places(share) if places is None else places}f}"
    # what is not nothing must not be called so
    return f"{value:.1g}" if float(text) == 0 else text


def _places(share: float) -> int:
    end = 100 * min(share, 1 - share)  # 99.87 says as much as 0.13
    if end <= 1e-9 or end >= 1:
        return 1
    return 2 if end >= 0.1 else 3


def share(value: Any, *, interval: bool = False) -> str:
    """A share, or an estimate of one, in percent: `0.54 % [0.41, 0.72]`."""
    middle, low, high = _estimate(value)
    if middle is None:
        return "-"
    text = f"{percent(middle)} %"
    if interval and low is not None and high is not None:
        places = _places(middle)
        text += f" [{percent(low, places)}, {percent(high, places)}]"
    return text


def rate(value: Any, near: float | None = None, *, interval: bool = False) -> str:
    """A false match rate as the field writes it, `0.94e-4 [0.53e-4, 1.6e-4]`.

    Parameters
    ----------
    value
        The rate, or an estimate of one.
    near
        The rate that it is held against: its power of ten is kept where that reads well.
    interval
        Whether the interval is told.
    """
    middle, low, high = _estimate(value)
    if middle is None:
        return "-"
    scale = middle or high or 1.0
    power = math.floor(math.log10(scale) + 1e-9)
    if near is not None and middle > 0:
        wanted = round(math.log10(near))
        power = wanted if abs(power - wanted) <= 1 else power

    def written(each: float) -> str:
        if each == 0:
            return "0"
        digits, end = (each, "") if power >= -1 else (each / 10**power, f"e{power}")
        text = f"{digits:.{max(0, 1 - math.floor(math.log10(digits) + 1e-9))}f}"
        return f"{text}{end}"

    if interval and low is not None and high is not None:
        return f"{written(middle)} [{written(low)}, {written(high)}]"
    return written(middle)


def count(value: int) -> str:
    """A number of things: 87,294,040."""
    return f"{value:,}"


def _estimate(value: Any) -> tuple[float | None, float | None, float | None]:
    if isinstance(value, Mapping):
        return value["value"], value.get("low"), value.get("high")
    return value, None, None


def number(path: Sequence[str], value: Any, *, interval: bool) -> str:
    """A value in the form that suits it, by the names on the way to it."""
    name = path[-1]
    rates = [float(each) for each in path if re.fullmatch(r"\de-\d+", each)]
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return count(value)
    if name in _NAMED_RATES:
        return rate_key(value)
    if any(each in _RATES for each in path[-2:]):
        return rate(value, rates[-1] if rates else None, interval=interval)
    if isinstance(value, Mapping) and "value" not in value:
        raise MisquotedError(f"{'.'.join(path)} is no number: {', '.join(value)}")
    if name == "accuracy":
        return f"{100 * value:.2f} %"
    if name == "standard_error":
        return f"{100 * value:.2f} %"
    if name in ("ratio", "distance"):
        return f"{value:.2f}" if name == "ratio" else f"{value:.3f}"
    return share(value, interval=interval)


# --- tables


def table(columns: Sequence[str], rows: Rows) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


class Words:
    """Headers and names in one of the languages."""

    def __init__(self, language: str):
        self.language = language

    def __call__(self, english: str, chinese: str) -> str:
        return english if self.language == "en" else chinese


def _both(values: Values, pack: str) -> list[tuple[str, Values]]:
    """The default pack's values and, where they are another's, those beside them."""
    return [(pack, values), *([(OTHER, values[OTHER])] if OTHER in values else [])]


def _flag(point: Any) -> str:
    return "" if point.get("supported", True) else " (!)"


def _note(rows: Rows, words: Words) -> str:
    if not any("(!)" in cell for row in rows for cell in row):
        return ""
    return "\n\n" + words(
        "(!): fewer than 30 different people or pairs of people erred, too few to rely on "
        "(rule of 30).",
        "(!)：出错的不同的人（或人对）不足 30，不足为凭（30 法则）。",
    )


def _lfw_view_2(values: Values, pack: str, words: Words) -> str:
    columns = _both(values, pack)
    head = words(
        f"LFW View 2, {count(values['pairs'])} pairs", f"LFW View 2，{count(values['pairs'])} 对"
    )
    first, *others = (name for name, _ in columns)
    heads = [head, words(f"renzheng, `{first}` (default)", f"renzheng，`{first}`（默认）")]
    heads += [f"`{name}`" for name in others]
    rows = [
        [
            words("10-fold accuracy ± standard error", "10 折准确率 ± 标准误"),
            *(
                f"{100 * v['accuracy']:.2f} % ± {100 * v['standard_error']:.2f} %"
                for _, v in columns
            ),
        ],
        [words("EER", "等错误率（EER）"), *(share(v["eer"], interval=True) for _, v in columns)],
    ]
    for key, shown in (("1e-2", "0.01"), ("1e-3", "0.001")):
        rows.append(
            [
                words(f"FNMR at FMR {shown}", f"FMR {shown} 时的 FNMR"),
                *(
                    share(v["fnmr"][key], interval=True) if key in v["fnmr"] else "-"
                    for _, v in columns
                ),
            ]
        )
    rows.append(
        [
            words("failure to acquire, pictures", "未能取得人脸的图片"),
            *(share(v["failure_to_acquire"]) for _, v in columns),
        ]
    )
    return table(heads, rows)


def _lfw_all(values: Values, pack: str, words: Words) -> str:
    (_, ours), *others = _both(values, pack)
    heads = [
        "FMR",
        "FNMR",
        words("FNMR, each person once", "FNMR（每人只计一次）"),
        words("different pairs of people that match falsely", "误匹配的不同人对"),
        *(words(f"FNMR of `{name}`", f"`{name}` 的 FNMR") for name, _ in others),
    ]
    rows = [
        [
            key + _flag(point),
            share(point, interval=True),
            share(ours["fnmr_of_people"][key], interval=True),
            count(ours["people_pairs"][key]),
            *(share(v["fnmr"].get(key, {"value": None}), interval=True) for _, v in others),
        ]
        for key, point in ours["fnmr"].items()
        if key != "1e-1"
    ]
    return table(heads, rows) + _note(rows, words)


def _promised(values: Values, pack: str, words: Words) -> str:
    """The manifest's rows as they are: the rate that is promised, and what was seen."""
    del pack
    kept = values.get("held_out_by_population", [])
    # the main population comes first, and its rows have the intervals
    main = {row["promised_fmr"]: row for row in kept if row["population"] == kept[0]["population"]}
    heads = [
        words("promised FMR", "承诺的 FMR"),
        words("observed on the people held out", "在未参与拟合的人上观测到"),
        words("FNMR there", "此时的 FNMR"),
    ]
    rows = []
    for row in values.get("held_out", []):
        near = row["promised_fmr"]
        with_ends = {**row, **main.get(near, {})}
        seen = rate(_seen(with_ends), near, interval=True)
        rows.append([rate_key(near), seen, share(row.get("fnmr"))])
    return table(heads, rows) if rows else ""


def _promised_populations(values: Values, pack: str, words: Words) -> str:
    del pack
    kept = values.get("held_out_by_population", [])
    if not kept:
        return ""
    rates = [r for r in sorted({row["promised_fmr"] for row in kept}, reverse=True) if r < 0.05]
    heads = [words("people held out", "未参与拟合的人"), words("how many", "人数")]
    heads += [words(f"{rate_key(r)} promised", f"承诺 {rate_key(r)}") for r in rates]
    rows = []
    for name in dict.fromkeys(row["population"] for row in kept):
        some = {row["promised_fmr"]: row for row in kept if row["population"] == name}
        people = count(next(iter(some.values()))["people"])
        cells = [rate(_seen(some[r]), r, interval=True) if r in some else "-" for r in rates]
        rows.append([name, people, *cells])
    return table(heads, rows)


def _seen(row: Values) -> Values:
    return {"value": row["observed_fmr"], "low": row.get("low"), "high": row.get("high")}


def _populations(values: Values, pack: str, words: Words) -> str:
    names = {
        "AF": ("East Asian women", "东亚女性"),
        "AM": ("East Asian men", "东亚男性"),
    }
    for sex, english, chinese in (("F", "women and girls", "女"), ("M", "men and boys", "男")):
        names[f"ages-{sex}"] = (f"Chinese {english}, all ages", f"中国人，{chinese}，各年龄")
        for ages in AGES:
            old = (f"{ages} and older", f"{ages} 岁以上") if ages == "60" else (ages, f"{ages} 岁")
            names[f"ages-{sex}-{ages}"] = (f"{english}, {old[0]}", f"{chinese}，{old[1]}")
    return _false_matches({k: words(*v) for k, v in names.items()}, values, pack, words)


def _utkface(values: Values, pack: str, words: Words) -> str:
    chinese = {"asian": "亚洲人", "indian": "印度人", "black": "黑人", "white": "白人"}
    names = {
        f"utk-{race}": words(
            race.capitalize() if race in ("asian", "indian") else race, chinese[race]
        )
        for race in RACES
    }
    return _false_matches(names, values, pack, words)


def _false_matches(names: Mapping[str, str], values: Values, pack: str, words: Words) -> str:
    beside = any(OTHER in each for each in values.values())
    heads = [
        words("people", "人群"),
        words("pictures", "图片"),
        words("FMR where 1e-3 is promised", "承诺 1e-3 时的 FMR"),
        words("FMR where 1e-4 is promised", "承诺 1e-4 时的 FMR"),
    ]
    if beside:
        heads.append(words(f"`{OTHER}` where 1e-4 is promised", f"`{OTHER}`：承诺 1e-4 时"))
    rows = []
    for key, name in names.items():
        if key not in values:
            continue
        row = values[key]
        cells = [_observed(row, "1e-3"), _observed(row, "1e-4")]
        if beside:
            cells.append(_observed(row.get(OTHER, {"promised": {}}), "1e-4"))
        rows.append([name, count(row["pictures"]), *cells])
    return table(heads, rows)


def _observed(row: Values, key: str) -> str:
    there = row["promised"].get(key)
    return "-" if there is None else rate(there["fmr"], float(key), interval=True)


_CHANNELS = {
    "none": ("the portrait, cut out", "裁出的头像"),
    "chip": ("chip, 102 x 126 px, JPEG 25", "芯片，102 x 126 像素，JPEG 25"),
    "chip-50": ("chip, 102 x 126 px, JPEG 50", "芯片，102 x 126 像素，JPEG 50"),
    "card-scan-200": ("card scanned at 200 dpi", "200 dpi 扫描的卡片"),
    "card-laminate-glare": ("card photographed under mirrored lamps", "灯光反射下拍摄的卡片"),
    "card-photocopy": ("card photocopied", "复印的卡片"),
    "printed-scanned": ("printed and scanned", "打印后扫描"),
    "glare": ("glare", "反光"),
    "blur": ("blurred", "模糊"),
    "colour-cast": ("colour cast", "偏色"),
    "hologram": ("hologram", "全息图案"),
    "photocopy": ("photocopied", "复印"),
    "worn-card": ("worn card", "磨损的卡片"),
}


def _documents(names: Sequence[str]) -> Callable[[Values, str, Words], str]:
    def render(values: Values, pack: str, words: Words) -> str:
        del pack
        heads = [
            words("document", "证件"),
            words("not acquired", "未取得头像"),
            "EER",
            words("FNMR at FMR 1e-4", "FMR 1e-4 时的 FNMR"),
            words("FMR where 1e-4 is promised", "承诺 1e-4 时的 FMR"),
            words("FNMR there", "此时的 FNMR"),
        ]
        rows = []
        for name in names:
            row = values[name]
            there = row["promised"].get("1e-4")
            lost = f"{row['not_acquired']} of {row['pictures']}"
            if words.language == "zh":
                lost = f"{row['pictures']} 份中 {row['not_acquired']} 份"
            point = row["fnmr"].get("1e-4")
            rows.append(
                [
                    f"`{name}`: {words(*_CHANNELS[name])}",
                    f"{share(row['failure_to_acquire'])} ({lost})",
                    share(row["eer"], interval=True),
                    "-" if point is None else share(point, interval=True) + _flag(point),
                    "-" if there is None else rate(there["fmr"], 1e-4, interval=True),
                    "-" if there is None else share(there["fnmr"], interval=True),
                ]
            )
        return table(heads, rows) + _note(rows, words)

    return render


def _portraits(values: Values, pack: str, words: Words) -> str:
    del pack
    captures = {
        "scan-200": ("scanned at 200 dpi, up to 4° askew", "200 dpi 扫描，歪斜至多 4°"),
        "photo": ("photographed, tilted up to 20° about both axes", "拍照，两轴各倾斜至多 20°"),
    }
    heads = [
        words("capture", "采集方式"),
        words("right portrait chosen", "选对主头像"),
        words("failure to acquire", "未能取得"),
        words("a doubt", "存疑"),
        words("ghost recognised, where its face is seen", "认出暗影头像（看得到脸时）"),
    ]
    parts = ("right", "not_acquired", "doubt", "ghost")
    rows = []
    for name in CAPTURES:
        row = values[name]
        cells = ["-" if row[p] is None else share(row[p], interval=True) for p in parts]
        rows.append([words(*captures[name]), *cells])
    return table(heads, rows)


def _sets(
    names: Mapping[str, tuple[str, str]],
) -> Callable[[Values, str, Words], str]:
    def render(values: Values, pack: str, words: Words) -> str:
        del pack
        heads = [
            words("set", "数据集"),
            words("people, pictures", "人数，图片数"),
            words("not acquired", "未取得人脸"),
            "EER",
            words("FNMR at FMR 1e-4", "FMR 1e-4 时的 FNMR"),
            words("FMR where 1e-4 is promised", "承诺 1e-4 时的 FMR"),
            words("FNMR there", "此时的 FNMR"),
        ]
        rows = []
        for name, said in names.items():
            row = values[name]
            there, point = row["promised"].get("1e-4"), row["fnmr"].get("1e-4")
            chosen = "-" if point is None else share(point, interval=True) + _flag(point)
            rows.append(
                [
                    words(*said),
                    f"{count(row['people'])}, {count(row['pictures'])}",
                    share(row["failure_to_acquire"]),
                    share(row["eer"], interval=True),
                    chosen,
                    "-" if there is None else rate(there["fmr"], 1e-4, interval=True),
                    "-" if there is None else share(there["fnmr"], interval=True),
                ]
            )
        return table(heads, rows) + _note(rows, words)

    return render


def _identification(sizes: Sequence[str] | None, keys: Sequence[str]) -> Callable[..., str]:
    shown = {"1e-1": "0.1", "1e-2": "0.01", "1e-3": "0.001"}

    def render(values: Values, pack: str, words: Words) -> str:
        del pack
        heads = [
            words("enrolled", "登记人数"),
            words("right person nearest", "首位命中"),
            *(words(f"TPIR at FPIR {shown[k]}", f"FPIR {shown[k]} 时的 TPIR") for k in keys),
        ]
        rows = []
        for name, row in values["sizes"].items():
            if sizes is None or name in sizes:
                tpir = [share(row["tpir"].get(k, {"value": None}), interval=True) for k in keys]
                rows.append([count(row["enrolled"]), share(row["rank_1"], interval=True), *tpir])
        return table(heads, rows)

    return render


def _identification_ways(values: Values, pack: str, words: Words) -> str:
    del pack
    way = values["leave_one_out"]
    enrolled = count(way["enrolled"])
    heads = [
        words(f"{enrolled} enrolled, leave-one-out", f"登记 {enrolled} 人，逐一留出"),
        words("each search once", "每次搜索计一次"),
        words("each person once", "每人计一次"),
    ]
    rows = []
    for rank in way["rank"]:
        english = "rank-1 identification rate, closed set" if rank == "1" else f"rank {rank}"
        both = (way["rank"][rank], way["rank_of_people"][rank])
        rows.append([words(english, f"前 {rank} 位命中"), *(share(v, interval=True) for v in both)])
    for key, point in way["tpir"].items():
        fpir = f"{float(key):g}"
        both = (point, way["tpir_of_people"][key])
        name = words(f"TPIR at FPIR {fpir}", f"FPIR {fpir} 时的 TPIR") + _flag(point)
        rows.append([name, *(share(v, interval=True) for v in both)])
    return table(heads, rows) + _note(rows, words)


def _identification_promises(values: Values, pack: str, words: Words) -> str:
    """Promised and observed, all people beside those held out.

    The largest database of the people held out is smaller than the size it stands in for.
    """
    del pack
    heads = [
        words("enrolled", "登记人数"),
        "FMR",
        words("promised FPIR", "承诺的 FPIR"),
        words("observed", "观测到"),
        words("observed / promised", "观测 / 承诺"),
    ]
    parts = []
    for key, english, chinese in (
        ("promises", "All people:", "所有人："),
        ("held_out", "The people held out from the calibration:", "未参与校准的人："),
    ):
        found = values.get(key)
        if not found:
            continue
        rows = [
            [
                count(row["enrolled"]),
                rate_key(row["fmr"]),
                share(row["promised_fpir"]),
                share(row["fpir"], interval=True),
                f"{row['ratio']:.2f}",
            ]
            for row in found
            if row["fmr"] in (found[0]["fmr"], 1e-6, 1e-5, 1e-4, 1e-3)
        ]
        shown = table(heads, rows)
        parts.append(f"{words(english, chinese)}\n\n{shown}" if "held_out" in values else shown)
    return "\n\n".join(parts)


_TIGHT = {
    "idols": ("K-pop idols", "韩国偶像"),
    "celebrities": ("Chinese celebrities, without masks", "中国名人，不戴口罩"),
}
_OTHER = {
    "celeba": (
        "a part of CelebA, 89 x 109 px, `--min-face-size 20`",
        "CelebA 的一部分，89 x 109 像素，`--min-face-size 20`",
    ),
    "glint": (
        "a sample of Glint360K, celebrities over many years, `--aligned arcface-112`",
        "Glint360K 样本，名人，跨多年，`--aligned arcface-112`",
    ),
}

# name: (section, renderer)
TABLES: dict[str, tuple[str, Callable[[Values, str, Words], str]]] = {
    "lfw-view-2": ("lfw-view-2", _lfw_view_2),
    "lfw-all": ("lfw-all", _lfw_all),
    "promised": ("promised", _promised),
    "promised-populations": ("promised", _promised_populations),
    "populations": ("populations", _populations),
    "populations-utkface": ("populations", _utkface),
    "documents": ("documents", _documents(CHANNELS)),
    "documents-more": ("documents-more", _documents(MORE_CHANNELS)),
    "portraits": ("portraits", _portraits),
    "tight": ("tight", _sets(_TIGHT)),
    "identification": (
        "identification",
        _identification(("100", "1000", "all"), ("1e-1", "1e-2")),
    ),
    "identification-ways": ("identification", _identification_ways),
    "identification-sizes": (
        "identification",
        _identification(None, ("1e-1", "1e-2", "1e-3")),
    ),
    "identification-promises": ("identification", _identification_promises),
    "identification-celeba": (
        "identification-celeba",
        _identification(None, ("1e-1", "1e-2")),
    ),
    "identification-celeba-promises": ("identification-celeba", _identification_promises),
    "other-sets": ("other-sets", _sets(_OTHER)),
}


# --- documents


def render(name: str, results: Mapping[str, Any]) -> tuple[str, bool]:
    """What a block of this name shows, and whether it was measured.

    Raises
    ------
    MisquotedError
        If there is nothing of that name.
    """
    words = name.split()
    kind, _, language = (words[0] if words else "").partition(":")
    language = language or "en"
    if language not in NOT_YET:
        raise MisquotedError(f"no language {language!r}")
    if kind in ("value", "interval") and len(words) == 2:
        section, *path = words[1].split(".")
        if section not in SECTIONS:
            raise MisquotedError(f"no section {section!r}; there are: {', '.join(SECTIONS)}")
        found = results["sections"].get(section)
        if found is None:
            return NOT_YET[language], False
        value: Any = {"pack": found["pack"], **found["values"]}
        for step in path:
            try:
                value = value[int(step)] if isinstance(value, list) else value[step]
            except (KeyError, TypeError, ValueError, IndexError):
                raise MisquotedError(f"no value {words[1]}: {step!r} is not there") from None
        return number(words[1].split("."), value, interval=kind == "interval"), True
    if kind not in TABLES or len(words) != 1:
        raise MisquotedError(f"no results are called {name!r}; there are: {', '.join(TABLES)}")
    section, draw = TABLES[kind]
    found = results["sections"].get(section)
    if found is None:
        return NOT_YET[language], False
    shown = draw(found["values"], found["pack"]["name"], Words(language))
    return (shown, True) if shown else (NOT_YET[language], False)


def rewritten(text: str, results: Mapping[str, Any]) -> tuple[str, list[str]]:
    """A document with every block rendered, and the names of those that were not measured.

    Raises
    ------
    MisquotedError
        If a block has no name, no end, or stands where Markdown would not read it.
    """
    marks = list(_MARK.finditer(text))
    if not len(marks) == text.count(_OPENING) == text.count(_CLOSING):
        raise MisquotedError("a block has no beginning or no end")
    missing: list[str] = []

    def replaced(mark: re.Match[str]) -> str:
        name, body = mark["name"], mark["body"]
        shown, measured = render(name, results)
        if not measured and name not in missing:
            missing.append(name)
        line = text[text.rfind("\n", 0, mark.start()) + 1 : mark.start()]
        inline = name.startswith(("value", "interval"))
        if inline and ("\n" in body or not line.strip(" -*+>")):
            # a line that begins with a comment is HTML to its end
            raise MisquotedError(f"{name}: a value stands within a line, not at its beginning")
        if not inline and line.strip():
            raise MisquotedError(f"{name}: a table begins a line of its own")
        between = shown if inline else f"\n{shown}\n"
        return f"<!-- results:{name} -->{between}{_CLOSING}"

    return _MARK.sub(replaced, text), missing


def documents(root: Path) -> Iterator[Path]:
    """The documents that may quote results."""
    yield from (root / "README.md", root / "README.zh-CN.md")
    yield from sorted((root / "docs").glob("*.md"))
    yield root / "benchmarks" / "README.md"


def readable(results: Mapping[str, Any]) -> str:
    """Everything that was measured, as one page."""
    parts = [
        "# Results",
        "Written by `python benchmarks/results.py --write-docs` from `results.json`. Intervals "
        "hold 95 %. LFW and ASSETS stand for folders.",
    ]
    for name, section in results["sections"].items():
        pack = section["pack"]
        parts += [
            f"## {section['title']}",
            f"Pack {pack['name']} {pack['version']} (`{pack['digest'][:12]}`), {section['date']}"
            + (f", {section['draws']} draws" if section.get("draws") else "")
            + ".",
            "```sh\n" + "\n".join(section["commands"]) + "\n```",
            *(render(each, results)[0] for each, (of, _) in TABLES.items() if of == name),
        ]
    if not results["sections"]:
        parts.append(NOT_YET["en"])
    return "\n\n".join(parts) + "\n"


def stale(root: Path, results: Mapping[str, Any]) -> list[str]:
    """The documents that say something else than the results, by their paths from `root`."""
    found = []
    for path in documents(root):
        text = path.read_text(encoding="utf-8")
        if rewritten(text, results)[0] != text:
            found.append(str(path.relative_to(root)))
    page = root / READABLE
    if not page.exists() or page.read_text(encoding="utf-8") != readable(results):
        found.append(READABLE)
    return found


def write_documents(root: Path, results: Mapping[str, Any]) -> list[str]:
    """Write every quotation in place; what was not measured is returned, with its document.

    Raises
    ------
    MisquotedError
        If a document asks for what there is not; then nothing is written.
    """
    missing, wrong, new = [], [], {root / READABLE: readable(results)}
    for path in documents(root):
        try:
            new[path], unknown = rewritten(path.read_text(encoding="utf-8"), results)
        except MisquotedError as error:
            wrong.append(f"{path.relative_to(root)}: {error}")
        else:
            missing += [f"{path.relative_to(root)}: {name}" for name in unknown]
    if wrong:
        raise MisquotedError("\n".join(wrong))
    for path, text in new.items():
        files.write(path, text.encode())
    return missing
