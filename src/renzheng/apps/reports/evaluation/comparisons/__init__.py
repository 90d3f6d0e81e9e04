"""Studies of comparisons as a page: one, or several of one kind side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from renzheng import images
from renzheng.apps.reports import thumbnails
from renzheng.apps.reports.evaluation import page
from renzheng.apps.reports.evaluation.comparisons import plots, tables
from renzheng.apps.reports.evaluation.page import Example, Examples, Plot, Section
from renzheng.apps.reports.evaluation.tables import problem_table
from renzheng.errors import UnreadableImage
from renzheng.evaluation.comparisons.calibration import Reliability
from renzheng.evaluation.comparisons.populations import Kept
from renzheng.evaluation.comparisons.study import Study

_WORST = 8  # pairs of each kind
_LONGEST = 320  # px of a picture's longer side


def save(
    studies: Mapping[str, Study],
    path: Path,
    *,
    command: str,
    show_faces: bool = False,
    reliability: Reliability | None = None,
    populations: Sequence[Kept] = (),
    max_fmr: float = 1e-4,
) -> None:
    """Write the page and, beside it under the same name, ``.json``.

    Parameters
    ----------
    studies
        One study, or several of one kind (document channels) to show side by side.
    path
        Ends in ``.html``.
    command
        The command line, for whoever wants to make the page again.
    show_faces
        Whether the worst false matches and false non-matches are shown as pictures. Off, the page
        holds no picture and names none but those with problems.
    reliability
        Reliability of a calibration's likelihood ratios.
    populations
        A calibration's promised and observed rates in each population.
    max_fmr
        False match rate at which channels are compared.

    Raises
    ------
    RenzhengError
        If a file cannot be written.
    """
    first = next(iter(studies.values()))
    pack = first.provenance["pack"]
    sections: list[Section] = []
    if len(studies) > 1:
        sections += [
            tables.channels(studies, max_fmr),
            Plot("FNMR by channel", plots.channels(studies, max_fmr)),
            Plot("DET curves", plots.det(studies), half=True),
        ]
    for study in studies.values():
        sections += _study(study, alone=len(studies) == 1)
    if populations:
        sections.append(tables.populations(populations))
    if reliability is not None:
        sections.append(tables.likelihood_ratios(reliability))
        sections.append(Plot("Reliability", plots.reliability(reliability), half=True))
    if show_faces:
        for study in studies.values():
            sections += _worst(study)
    page.save(
        path,
        title=first.name if len(studies) == 1 else first.name.rpartition(":")[0],
        headline=(
            f"The pack {pack['name']} {pack['version']} on {first.attempted} pictures of "
            f"{first.measurement.people} people"
        ),
        sections=sections,
        provenance=first.provenance,
        command=command,
        data=to_dict(studies, command=command, reliability=reliability, populations=populations),
    )


def to_dict(
    studies: Mapping[str, Study],
    *,
    command: str,
    reliability: Reliability | None = None,
    populations: Sequence[Kept] = (),
) -> dict[str, Any]:
    """Return plain values for JSON: a study, or studies by name."""
    every = {
        name: {**study.to_dict(), "curve": plots.thinned_curve(study)}
        for name, study in studies.items()
    }
    data = next(iter(every.values())) if len(every) == 1 else {"studies": every}
    if reliability is not None:
        data = {**data, "likelihood_ratios": reliability.to_dict()}
    if populations:
        data = {**data, "populations": [each.to_dict() for each in populations]}
    return {"command": command, **data}


def _study(study: Study, *, alone: bool) -> Iterator[Section]:
    summary, *others = tables.of_study(study)
    yield summary
    if alone:
        yield Plot("Distances", plots.histogram(study))
        if study.measurement.points and study.measurement.genuine:
            yield Plot("DET", plots.det({study.name: study})), Plot("ROC", plots.roc(study))
    yield from others
    if alone and study.measurement.promises:
        yield Plot("Promised and observed", plots.promised(study), half=True)
    if alone and study.measurement.folds is not None:
        yield Plot("Accuracy by fold", plots.folds(study))
    for column in study.differentials():
        yield Plot(f"By {column}", plots.groups(study, column))
    problems = problem_table(study.problems)
    if problems is not None:
        yield problems


def _worst(study: Study) -> Iterator[Examples]:
    scores = study.scores
    for title, chosen, distances in (
        ("The nearest impostors", scores.impostor_pairs[:_WORST], scores.impostor[:_WORST]),
        (
            "The farthest genuine comparisons",
            scores.genuine_pairs[::-1][:_WORST],
            scores.genuine[::-1][:_WORST],
        ),
    ):
        examples = []
        for pair, distance in zip(chosen, distances, strict=True):
            pictures = [study.pictures[int(k)] for k in pair]
            names = " / ".join(picture.name for picture in pictures)
            faces = []
            for picture in pictures:
                try:
                    image = thumbnails.shrunk(images.read(picture.source), _LONGEST)
                except UnreadableImage:
                    continue
                faces.append((picture.name, thumbnails.address(image)))
            examples.append(Example(faces, f"{distance:.3f}: {names}"))
        yield Examples(f"{title}: {study.name}", examples)
