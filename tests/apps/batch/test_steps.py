"""Templates, each made once, are compared as `verify` compares pictures."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from PIL import Image as Pillow

from renzheng import InvalidInput, Policy, Role, Verification, Verifier
from renzheng.apps.batch import compare, extract
from renzheng.verification.config import VerifierConfig
from renzheng.verification.templates import FaceTemplate, unread


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    portrait = pytest.importorskip("skimage.data").astronaut()[:300, 80:380]
    again = np.asarray(Pillow.fromarray(portrait).resize((230, 230)))
    return {
        "portrait": png(portrait),
        "again": png(again),
        "mirrored": png(np.ascontiguousarray(portrait[:, ::-1])),
        "crowd": png(np.concatenate([portrait, portrait], axis=1)),
        "blank": png(np.full((200, 300, 3), 128, np.uint8)),
        "text": b"no picture",
    }


def agrees(whole: Verification, verifier: Verifier, one: FaceTemplate, other: FaceTemplate) -> None:
    outcome = verifier.compare_templates(one, other)
    assert outcome.decision == whole.decision
    assert outcome.findings == whole.findings
    assert outcome.same_photo == whole.same_photo
    assert outcome.liveness == whole.liveness
    assert (outcome.comparison is None) == (whole.comparison is None)
    if outcome.comparison is not None and whole.comparison is not None:
        assert outcome.comparison.distance == pytest.approx(whole.comparison.distance, abs=1e-5)
    else:
        assert outcome.reason == whole.reason


@pytest.mark.parametrize("roles", [("document", "live"), ("photo", "photo")])
def test_every_pair_is_judged_as_verify_does(
    pictures: dict[str, bytes], roles: tuple[str, str]
) -> None:
    verifier = Verifier(roles=roles)
    templates = [
        {name: verifier.extract(content, role) for name, content in pictures.items()}
        for role in roles
    ]
    for one in ("portrait", "crowd", "blank"):
        for other in ("again", "mirrored", "crowd", "text"):
            whole = verifier.verify(pictures[one], pictures[other])
            agrees(whole, verifier, templates[0][one], templates[1][other])


def test_what_the_policy_refuses_has_no_embedding(pictures: dict[str, bytes]) -> None:
    demanding = Verifier(policy=Policy(min_live_quality={"inter_eye_distance": 100}))
    refused = demanding.extract(pictures["portrait"], "live")
    assert refused.refused
    assert refused.error is None
    assert refused.embedding is None
    whole = demanding.verify(pictures["again"], pictures["portrait"])
    agrees(whole, demanding, demanding.extract(pictures["again"], "document"), refused)


def test_a_template_survives_a_pickle_and_holds_no_picture(pictures: dict[str, bytes]) -> None:
    verifier = Verifier()
    kept = extract(verifier, pictures["portrait"], "人 证.png", "document")
    again = pickle.loads(pickle.dumps(kept))
    assert len(pickle.dumps(kept)) < 120_000
    probe = extract(verifier, pictures["again"], "again.png", "live")
    assert compare(verifier, again, probe) == compare(verifier, kept, probe)
    assert again.source == "人 证.png"


def test_a_config_makes_the_same_verifier_elsewhere(pictures: dict[str, bytes]) -> None:
    verifier = Verifier(policy=Policy(max_fmr=1e-3), roles=("photo", "photo"), min_face_size=50)
    config = pickle.loads(pickle.dumps(VerifierConfig.of(verifier)))
    there = config.verifier()
    assert there.policy == verifier.policy
    assert there.roles == verifier.roles
    assert there.min_face_size == 50
    sides = [extract(there, pictures[name], name, "photo") for name in ("portrait", "mirrored")]
    found = compare(there, *sides)
    assert found.cells["decision"] == "match"
    assert found.failures == ()


def test_a_failure_is_an_answer_with_its_reason(pictures: dict[str, bytes]) -> None:
    verifier = Verifier()
    text = extract(verifier, pictures["text"], "text.jpg", "document")
    blank = extract(verifier, pictures["blank"], "blank.png", "live")
    found = compare(verifier, text, blank)
    assert found.cells["decision"] == "not_comparable"
    assert found.failures == ("reference.unreadable", "probe.no_face")
    assert "no face was found" in str(found.cells["probe_error"])
    assert found.cells["distance"] is None


def test_templates_of_other_roles_or_packs_are_not_compared(pictures: dict[str, bytes]) -> None:
    verifier = Verifier()
    live = verifier.extract(pictures["portrait"], "live")
    with pytest.raises(InvalidInput, match="the roles live,live"):
        verifier.compare_templates(live, live)
    missing = unread("gone", Role.DOCUMENT, "there is no such file")
    assert verifier.compare_templates(missing, live).decision == "not_comparable"


def test_templates_of_the_former_default_pack_are_refused(pictures: dict[str, bytes]) -> None:
    # Both packs give 128 numbers, between which distances would mean nothing.
    former, present = Verifier("dlib-resnet", threads=1), Verifier(threads=1)
    old = former.extract(pictures["portrait"], "photo")
    assert old.embedding is not None
    new = present.extract(pictures["again"], "photo")
    verifier = present.with_roles(("photo", "photo"))
    for pair in ((old, new), (new, old)):
        with pytest.raises(InvalidInput, match=r"another pack.*make it again with this one"):
            verifier.compare_templates(*pair)
