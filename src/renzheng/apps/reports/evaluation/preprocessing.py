"""The table of a trial of preprocessings."""

from __future__ import annotations

from renzheng.apps.reports.evaluation.tables import Table
from renzheng.evaluation.preprocessing.trial import Trial
from renzheng.models.converters.presets import Preparation


def of_trial(trial: Trial) -> Table:
    """Return the preprocessings that were tried, the declared one first."""
    winner = trial.wins or trial.declared
    rows = []
    for row in trial.rows:
        eer, gain = row.separation.eer_estimate, row.gain
        rows.append(
            (
                "declared" if gain is None else row.change,
                row.preparation.template,
                row.preparation.channels,
                _range(row.preparation),
                str(row.people),
                f"{eer.value:.2%} [{eer.low:.2%}, {eer.high:.2%}]",
                f"{row.separation.margin:.2f}",
                "" if gain is None else f"{gain.margin:+.1%} ({gain.deviations:+.1f} sd)",
                "best" if row is winner else "",
            )
        )
    return Table(
        f"Preprocessing, on {trial.people} people of {trial.source} ({trial.pictures} faces)",
        ("changed", "template", "channels", "input", "people", "EER [95 %]", "margin", "gain", ""),
        tuple(rows),
        "EER: everyone against everyone. Margin: mean similarity of genuine comparisons above that "
        "of impostors, in the impostors' standard deviations. Gain: of the margin over the "
        "declared one's, and in standard deviations of replicates over people. Another one wins "
        "clearly from +2 % and 3 sd on; the mirror image costs twice the time, and is no fault.",
    )


def _range(preparation: Preparation) -> str:
    mean, scale = (
        ",".join(f"{v:.4g}" if len(each) == 1 else f"{v:.3g}" for v in each)
        for each in (preparation.mean, preparation.scale)
    )
    text = f"(x - {mean}) * {scale}" if mean != "0" else f"x * {scale}"
    return text + (", mirror" if preparation.mirror else "")
