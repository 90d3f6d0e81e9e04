"""What every page of renzheng shares: one file that loads nothing, light and dark."""

from __future__ import annotations

from pathlib import Path

from renzheng.errors import InvalidInput

# The policy forbids the page every request, should a text ever slip through unescaped.
HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
"""

STYLE = """
:root { --paper:#f6f7f5; --card:#fff; --ink:#1b2329; --soft:#586470; --line:#dde2e0;
  --genuine:#12704a; --impostor:#a9442f; --zone:#8a5a00; --verdict:VERDICT_LIGHT; }
@media (prefers-color-scheme: dark) {
  :root { --paper:#12171b; --card:#1b2228; --ink:#e8edef; --soft:#a2aeb8; --line:#303a42;
    --genuine:#5fd39b; --impostor:#ff9c85; --zone:#f2c14e; --verdict:VERDICT_DARK; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--paper); color:var(--ink);
  font:16px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
main { max-width:1040px; margin:0 auto; padding:40px 24px 56px; display:grid; gap:20px; }
section, header { background:var(--card); border:1px solid var(--line); border-radius:14px;
  padding:24px 28px; min-width:0; }
header { border-top:6px solid var(--verdict); }
.kicker { margin:0; color:var(--soft); }
h1 { margin:2px 0 6px; font-size:clamp(2.4rem, 8vw, 4rem); line-height:1.05;
  letter-spacing:-.02em; color:var(--verdict); }
.reason { margin:0; font-size:1.15rem; max-width:60ch; overflow-wrap:anywhere; }
h2 { margin:0 0 14px; font-size:1.05rem; }
.figures { display:grid; grid-template-columns:repeat(auto-fit, minmax(170px, 1fr)); gap:16px;
  margin:22px 0 0; padding-top:20px; border-top:1px solid var(--line); }
.measured { margin:12px 0 0; color:var(--soft); font-size:.92rem; overflow-wrap:anywhere; }
.figures dt, .note, figcaption { color:var(--soft); font-size:.92rem; }
.figures dd { margin:0; font-size:1.65rem; font-variant-numeric:tabular-nums; }
.pair { display:grid; grid-template-columns:repeat(auto-fit, minmax(300px, 1fr)); gap:20px; }
figure { margin:0; }
figure h2 { margin-bottom:2px; }
.name { margin:0 0 12px; overflow-wrap:anywhere; color:var(--soft); }
.picture { display:block; width:100%; max-height:560px; object-fit:contain; border-radius:8px;
  background:var(--paper); }
.below { display:flex; gap:16px; align-items:center; margin-top:14px; }
.below img { width:112px; height:112px; border-radius:8px; flex:none; }
.empty { display:grid; place-items:center; min-height:220px; padding:24px; text-align:center;
  border:2px dashed var(--line); border-radius:8px; color:var(--soft); overflow-wrap:anywhere; }
.warnings { margin:0; padding:0; list-style:none; display:grid; gap:8px; }
.warnings li { padding:8px 14px; border-left:4px solid var(--zone); background:var(--paper);
  border-radius:0 8px 8px 0; overflow-wrap:anywhere; }
table { width:100%; border-collapse:collapse; font-variant-numeric:tabular-nums; }
thead th:first-child { width:50%; }
th, td { text-align:left; font-weight:400; padding:7px 12px 7px 0; overflow-wrap:anywhere;
  border-bottom:1px solid var(--line); vertical-align:top; }
thead th, .facts th { color:var(--soft); }
.facts th { width:11em; }
.facts td { word-break:break-word; }
.plot { width:100%; height:auto; display:block; }
.plot text { font-size:15px; fill:var(--soft); }
.note { margin:0; padding:0 28px; max-width:80ch; }
@media print { body { background:#fff; } section, header { break-inside:avoid; } }
"""


def check(path: Path) -> None:
    """Make sure that a page can have this name.

    Raises
    ------
    InvalidInput
        If the name does not end in ``.html`` or its folder is missing.
    """
    if path.suffix.lower() != ".html":
        raise InvalidInput("the report is a web page", source=str(path), remedy="name it .html")
    if not path.parent.is_dir():
        raise InvalidInput(
            "there is no such folder", source=str(path.parent), remedy="make it first"
        )
    if path.exists() and not path.is_file():
        raise InvalidInput("what is there is no file", source=str(path), remedy="name a file")
