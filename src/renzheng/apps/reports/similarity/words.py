"""Words of a similarity's report, as a page and as a picture."""

from __future__ import annotations

from renzheng.apps.reports import pages
from renzheng.apps.reports.similarity.drawing import MAX_LINES
from renzheng.images.similarity import Likeness, PictureSimilarity, words

TITLE = "Picture similarity"
COLOURS = {
    Likeness.SAME_PICTURE: pages.GREEN,
    Likeness.NEAR_DUPLICATE: pages.GREEN,
    Likeness.LOOK_ALIKE: pages.AMBER,
    Likeness.DIFFERENT: pages.RED,
    Likeness.NOT_COMPARABLE: pages.GREY,
}
PRIVACY = (
    "This report contains the two pictures. Where they show people they are personal data: keep it "
    "only as long as needed and share it with nobody who need not see it."
)


def caption(similarity: PictureSimilarity) -> str:
    """Say what the marks on the two pictures mean."""
    regions = similarity.regions
    if regions is None or not regions.near_duplicate:
        return "No region of the one is found in the other."
    shown = "some of the" if regions.inliers > MAX_LINES else "the"
    red = ""
    if similarity.changes is not None and len(similarity.changes.boxes):
        red = f" Red, on {'AB'[similarity.changes.side]}: where the two differ."
    return (
        f"Green: the region that agrees. Yellow: {shown} {regions.inliers} features that agree."
        f"{red}"
    )


def facts(similarity: PictureSimilarity) -> list[tuple[str, str]]:
    """Return a row for each sense of similarity, then one for each picture."""
    return [
        *(
            (sense.title, f"{sense.number}: {sense.decision} ({'; '.join(sense.notes)}).")
            for sense in words.senses(similarity)
        ),
        *(
            (letter, f"{pages.plain(name)}: {image.shape[1]} x {image.shape[0]} px")
            for letter, name, image in zip("AB", similarity.sources, similarity.images, strict=True)
        ),
    ]
