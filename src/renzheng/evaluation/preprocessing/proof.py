"""The pack of an imported network, with what is known of its preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renzheng.datasets.types import People
from renzheng.evaluation.preprocessing import trial
from renzheng.evaluation.preprocessing.trial import Trial
from renzheng.models import packs
from renzheng.models.converters.embedder import UNPROVED
from renzheng.models.converters.presets import Preparation
from renzheng.models.packs import Pack


@dataclass(frozen=True, eq=False)
class Proof:
    """A pack with the trial of its preprocessing.

    Attributes
    ----------
    pack
        The pack that was written.
    trial
        The trial; None if there were no people.
    changed
        Whether the pack has another preprocessing than the declared one.
    """

    pack: Pack
    trial: Trial | None
    changed: bool = False

    @property
    def warnings(self) -> list[str]:
        """The warnings that the user has to see."""
        if self.trial is None:
            return [UNPROVED]
        return self.trial.warnings(chosen=self.changed)


def prove(
    draft: Pack,
    destination: Path,
    people: People | None,
    *,
    choose: bool = False,
    **options: Any,
) -> Proof:
    """Try the preprocessing of a pack, and write the pack with the outcome.

    Parameters
    ----------
    draft
        An embedding pack, as `renzheng.models.converters.embedder.import_onnx` makes it.
    destination
        The folder of the pack to write; it must not exist.
    people
        Pictures of people; None to write the pack with its preprocessing unproved.
    choose
        Whether another preprocessing that clearly wins takes the place of the declared one.
    options
        As in `renzheng.evaluation.preprocessing.trial.run`.

    Raises
    ------
    InvalidInput
        If too few people show a face.
    PackError
        If the draft is no embedding pack, or the pack cannot be written.
    """
    if people is None:
        return Proof(packs.save_as(draft, destination, {}, {}), None)
    found = trial.run(draft, people, **options)
    changes: dict[str, Any] = {}
    changed = choose and found.wins is not None
    facts = dict(draft.manifest["provenance"])
    facts["preprocessing"] = found.sentence
    facts["preprocessing_tried"] = [
        {
            "change": row["change"],
            "people": row["people"],
            "eer": float(f"{row['eer']['value']:.3g}"),
            "margin": float(f"{row['margin']:.3g}"),
        }
        for row in found.plain_rows()
    ]
    if changed:
        facts["preprocessing_declared"] = str(Preparation.of(draft.manifest))
        changes = found.best.changes(draft.manifest)
    limits = [each for each in draft.manifest["limits"] if each != UNPROVED]
    limits += found.warnings(chosen=changed)
    changes |= {"provenance": facts, "limits": limits}
    return Proof(packs.save_as(draft, destination, {}, changes), found, changed)
