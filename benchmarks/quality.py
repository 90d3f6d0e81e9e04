"""Face image quality: the network of coverings, and what each minimum finds and takes for found.

    python benchmarks/quality.py draw --data ASSETS --work FOLDER     (draws what is trained on)
    python benchmarks/quality.py train --work FOLDER                  (writes appearance.npz)
    python benchmarks/quality.py measure --data ASSETS --work FOLDER [--part PART]
    python benchmarks/quality.py table --work FOLDER
    python benchmarks/quality.py time --data ASSETS

`draw` takes half of UTKFace's files, CelebA, the people of SCUT-FBP5500 that a split leaves for
fitting, and half of the people of `tight`, some of whom wear real masks. It draws
`quality_coverings.VARIANTS` over them, detects the faces anew and keeps their crops.
`train` needs PyTorch. `measure` takes people left out, and LFW, on which nothing was fitted but
the minima: by its first half of people; rates are of the second.
"""

from __future__ import annotations

import argparse
import pickle
import re
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from quality_coverings import VARIANTS
from renzheng import Verifier, images
from renzheng.datasets import degradations, people
from renzheng.datasets.degradations import captures
from renzheng.evaluation.sampling import split_people
from renzheng.faces import alignment, quality
from renzheng.faces.quality import appearance
from renzheng.faces.quality.view import View
from renzheng.types import Face, Image

SEED = 20261128
FITTED = {"utk": 1100, "celeba": 900, "AF": 250, "AM": 250}
VARIANTS_EACH = 8
HIDDEN, EPOCHS, BATCH, RATE, DECAY = 32, 30, 128, 3e-3, 0.05
CROP = "arcface-112"  # twice the size that the network sees
MIRRORED = np.index_exp[:, ::-1]
WEIGHTS = Path(appearance.__file__).with_name("appearance.npz")
# The odds at 0 are where so few of the clean pictures that were held out score higher.
FALSE_ALARMS = 0.003
# Of the pictures that are fitted on, those that scored high as clean ones, looked at: who wears
# dark glasses is not told with CelebA.
DARK_GLASSES = {
    "000335", "000375", "000646", "001096", "001506", "002348", "002635", "002646",
    "002729", "003193", "003941", "004135", "004214", "004247", "004812", "005015",
    "005851", "006229", "007238", "007344", "008563", "008813", "008889",
}  # fmt: skip
MOUTH_COVERED = {"004689", "005018", "006730"}
# tinted glasses, microphones, hair
UNCLEAR = {"001511", "002460", "003709", "004416", "005198", "006574", "jinggangshan"}
MASKED = re.compile(r"\d+_\d+_\d+\.jpg")  # of `tight`: a mask is worn; a few labels are wrong


def detect(verifier: Verifier, image: Image) -> Face | None:
    """Return the face nearest to the middle, of those with a quarter of the largest's area.

    `verify` chooses much the same. What it finds turned, it does not compare.
    """
    faces = verifier.face_models.detect(image)
    largest = max((face.width * face.height for face in faces), default=0)
    middle = np.array(image.shape[1::-1]) / 2

    def distance(face: Face) -> float:
        return float(np.linalg.norm((face.box[:2] + face.box[2:]) / 2 - middle))

    large = [face for face in faces if 4 * face.width * face.height >= largest]
    return min(large, key=distance, default=None)


def mine(name: str, share: float = 0.5) -> bool:
    """Whether a name falls into the part that is fitted on."""
    return zlib.crc32(name.encode()) / 2**32 < share


def asian(data: Path, group: str, tested: bool) -> list[Path]:
    pictures = people.read_any(data / "asian" / group).pictures
    chosen = split_people(np.arange(len(pictures)), 0.5, 0)
    return [Path(p.source) for p, test in zip(pictures, chosen, strict=True) if test == tested]


def fitted_pictures(data: Path) -> list[tuple[str, Path]]:
    rng = np.random.default_rng(SEED)
    utk = [f for f in sorted((data / "train" / "utk").glob("*.jpg")) if mine(f.name)]
    celeba = sorted((data / "train" / "celeba10k" / "images").glob("*.jpg"))
    groups = {"utk": utk, "celeba": celeba}
    groups |= {name: asian(data, name, tested=False) for name in ("AF", "AM")}
    chosen = [
        (name, files[i])
        for name, files in groups.items()
        for i in rng.permutation(len(files))[: FITTED[name]]
    ]
    return [chosen[i] for i in rng.permutation(len(chosen))]


def tight_pictures(data: Path, tested: bool) -> list[Path]:
    folders = sorted(f for f in (data / "tight").iterdir() if f.is_dir())
    return [f for d in folders if mine(d.name) != tested for f in sorted(d.glob("*.jpg"))]


def draw(data: Path, work: Path) -> None:
    verifier, rows, crops = Verifier(threads=1), [], []

    def keep(row: tuple, image: Image, labels: tuple[int, ...]) -> None:
        face = detect(verifier, image)
        if face is None:
            return
        across = face.landmarks[1] - face.landmarks[0]
        roll = abs(float(np.degrees(np.arctan2(across[1], across[0]))))
        if labels[2]:  # found as it lies: nothing is wrong with the landmarks
            right = abs(roll - 90) < 40 if row[2] == "on its side" else roll > 120
            labels = (*labels[:2], int(not right), labels[3])
        rows.append((*row, labels))
        crops.append(alignment.align(image, face.landmarks, CROP))

    for number, (group, path) in enumerate(fitted_pictures(data)):
        image = images.read(path)
        face = detect(verifier, image)
        if face is None:
            continue
        names = list(VARIANTS)
        chosen = np.random.default_rng([SEED, number]).permutation(len(names) - 1)
        for k in (0, *(chosen[:VARIANTS_EACH] + 1)):
            loss, labels = VARIANTS[names[k]]
            lost = loss(image, face, np.random.default_rng([SEED, number, k]))
            keep((group, path.name, names[k]), lost, labels)
        if number % 100 == 99:
            print(number + 1, len(crops), flush=True)
            save(work, rows, crops)
    for path in tight_pictures(data, tested=False):
        masked = bool(MASKED.fullmatch(path.name))
        row = ("tight", path.parent.name, "real mask" if masked else "clean")
        keep(row, images.read(path), (0, int(masked), 0, 0))
    save(work, rows, crops)


def save(work: Path, rows: list, crops: list) -> None:
    (work / "drawn.pkl").write_bytes(pickle.dumps((rows, np.stack(crops))))


def halved(crop: Image) -> Image:
    size = (appearance.TEMPLATE.size,) * 2
    return cv2.resize(np.ascontiguousarray(crop), size, interpolation=cv2.INTER_AREA)


def cut(crop: Image, rng: np.random.Generator) -> Image:
    """Return a third of the crops as they are where the picture ends within the face."""
    crop, half = crop.copy(), len(crop) / 2
    if rng.random() < 0.33:
        side, tilt = rng.integers(4), rng.uniform(-0.4, 0.4)
        angle, reach = side * np.pi / 2 + tilt, half * rng.uniform(0.1 if side != 1 else 0.35, 1)
        y, x = np.mgrid[: len(crop), : len(crop)] - half
        crop[x * np.cos(angle) + y * np.sin(angle) > reach] = 0
    return crop


def train(work: Path) -> None:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rows, crops = pickle.loads((work / "drawn.pkl").read_bytes())
    seen = np.stack([appearance.features(halved(crop)) for crop in crops])
    rng = np.random.default_rng(SEED)
    mirrored = np.stack([appearance.features(cut(halved(crop[MIRRORED]), rng)) for crop in crops])
    labels = np.array([row[3] for row in rows], np.float32)
    names = [row[1].removesuffix(".jpg") for row in rows]
    kept = [i for i, name in enumerate(names) if name not in UNCLEAR]
    for k, covered in enumerate((DARK_GLASSES, MOUTH_COVERED)):
        labels[[name in covered for name in names], k] = 1
    rows, seen, mirrored, labels = [rows[i] for i in kept], seen[kept], mirrored[kept], labels[kept]
    names = np.array([row[2] for row in rows])
    held = np.array([mine(f"held {row[1]}", 0.2) for row in rows])
    mean = seen[~held].mean(axis=0)
    x = torch.from_numpy(np.concatenate([seen[~held], mirrored[~held]]) - mean)
    y = torch.from_numpy(np.concatenate([labels[~held]] * 2))
    first, second = nn.Linear(x.shape[1], HIDDEN), nn.Linear(HIDDEN, len(appearance.CONDITIONS))
    net = nn.Sequential(nn.Dropout(0.3), first, nn.ReLU(), nn.Dropout(0.2), second)
    steps = EPOCHS * -(-len(x) // BATCH)
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for part in torch.randperm(len(x)).split(BATCH):
            loss = nn.functional.binary_cross_entropy_with_logits(net(x[part]), y[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    layers = [
        p.detach().numpy().astype(np.float64) for p in (*first.parameters(), *second.parameters())
    ]
    layers[0] = layers[0].astype(np.float16).astype(np.float64)
    layers[1] = layers[1] - layers[0] @ mean
    odds = np.maximum(seen @ layers[0].T + layers[1], 0) @ layers[2].T + layers[3]
    clean = held & (names == "clean") & (labels.sum(axis=1) == 0)
    layers[3] = layers[3] - np.quantile(odds[clean], 1 - FALSE_ALARMS, axis=0)
    odds -= np.quantile(odds[clean], 1 - FALSE_ALARMS, axis=0)
    kinds = (np.float16, np.float32, np.float32, np.float32)
    arrays = (layer.astype(kind) for layer, kind in zip(layers, kinds, strict=True))
    np.savez_compressed(WEIGHTS, **dict(zip(appearance.LAYERS, arrays, strict=True)))
    print(f"{(~held).sum()} crops to fit, {held.sum()} held out, of them at odds above 0:")
    for k, condition in enumerate(appearance.CONDITIONS):
        for name in dict.fromkeys(names):
            chosen = held & (names == name)
            for label in (0, 1):
                these = odds[chosen & (labels[:, k] == label), k]
                if len(these) and (label or (these > 0).mean() > 0.02 or name == "clean"):
                    print(
                        f"{condition:14} {name:22} {label} {len(these):5} {(these > 0).mean():.3f}"
                    )


# --- what is measured ----------------------------------------------------------------------

LFW_PICTURES, LFW_LOST, LFW_DOCUMENTS = 1000, 60, 60
ASIAN_LOST, UTK_PICTURES = 40, 800


def lfw_pictures(data: Path, tested: bool) -> list[Path]:
    """One picture each of the people of a half, in an order drawn by chance."""
    lfw = people.read(data / "lfw" / "lfw-deepfunneled")
    chosen = split_people(lfw.person, 0.5, 0)
    firsts = [i for i in np.unique(lfw.person, return_index=True)[1] if chosen[i] == tested]
    return [Path(lfw.pictures[i].source) for i in np.random.default_rng(SEED).permutation(firsts)]


def parts(data: Path) -> Iterator[tuple[str, list[Path], tuple[str, ...]]]:
    """Yield a name, pictures and the losses to measure them with."""
    lost = tuple(captures.DEGRADATIONS)
    documents = tuple(f"document {name}" for name in degradations.DEGRADATIONS)
    for tested in (False, True):
        half = "LFW, tested" if tested else "LFW, fitted"
        pictures = lfw_pictures(data, tested)
        yield half, pictures[:LFW_PICTURES], ()
        yield f"{half}, documents", pictures[:LFW_DOCUMENTS], documents
        if tested:
            yield f"{half}, lost", pictures[:LFW_LOST], lost
    faces = [p for group in ("AF", "AM") for p in asian(data, group, tested=True)]
    yield "Asian, tested", faces, ()
    yield "Asian, tested, lost", faces[:: len(faces) // ASIAN_LOST], lost
    utk = [f for f in sorted((data / "train" / "utk").glob("*.jpg")) if not mine(f.name)]
    utk = [f for f in utk if int(f.name.split("_")[0]) >= 15]
    rng = np.random.default_rng(SEED)
    dark = [f for f in utk if f.name.split("_")[2] == "1"]
    chosen = {*dark, *(utk[i] for i in rng.permutation(len(utk))[:UTK_PICTURES])}
    yield "UTK, tested", sorted(chosen), ()
    old = [p for p in sorted((data / "ages").rglob("*.jpg")) if p.stem[-2:].isdigit()]
    yield "ages", [p for p in old if int(p.stem[-2:]) >= 60], ()
    yield "tight, tested", tight_pictures(data, tested=True), ()


def measure(data: Path, work: Path, only: str | None) -> None:
    verifier = Verifier(threads=1)
    for part, pictures, losses in parts(data):
        if only not in (None, part):
            continue
        rows = []
        for number, path in enumerate(pictures):
            image = images.read(path)
            face = detect(verifier, image)
            if face is None:
                rows.append((str(path), "clean", None))
                continue
            for name in losses or ("clean",):
                rows.append((str(path), name, components(verifier, image, face, name, number)))
        (work / f"{part}.pkl").write_bytes(pickle.dumps(rows))
        print(part, len(rows), flush=True)


def components(
    verifier: Verifier, image: Image, face: Face, name: str, number: int
) -> dict[str, tuple[float, int]] | None:
    if name.startswith("document "):
        image = degradations.get(name.removeprefix("document ")).apply(image, face, number)
    elif name != "clean":
        rng = np.random.default_rng([SEED, number])
        image = captures.get(name)(*captures.at_scale(image, face), rng)
    found = detect(verifier, image) if name != "clean" else face
    if found is None:
        return None
    measured = quality.measure(image, found, verifier.face_models.template, [found])
    return {key: (each.value, each.component) for key, each in measured.items()}


# --- tables --------------------------------------------------------------------------------

NEW = {
    "effective_resolution": "resolution",
    "noise": "noise",
    "contrast": "contrast",
    "blockiness": "blocks",
    "eyes_visible": "eyes",
    "mouth_occlusion_prevention": "mouth",
    "upright": "upside down",
    "natural_proportions": "squeezed",
}
Rows = list[tuple[str, str, dict[str, tuple[float, int]] | None]]


def table(work: Path) -> None:
    """Print shares below the minima, in percent, of the pictures in which a face was found."""
    found = {f.stem: pickle.loads(f.read_bytes()) for f in sorted(work.glob("*, tested*.pkl"))}
    found |= {"ages": pickle.loads((work / "ages.pkl").read_bytes())}
    print("# Quality: false alarms and what is found\n")
    print("`python benchmarks/quality.py table`, see its head. Of faces found, in percent.\n")
    print("## False alarms\n\nBelow the minimum of a live capture, in percent.\n")
    heading("pictures", "faces")
    for name, rows in plain(found):
        line_of(name, rows, "live")
    print("\nBelow the minimum of a document, in percent, LFW tested.\n")
    heading("document", "faces")
    for name, rows in by_loss(found["LFW, tested, documents"]):
        line_of(name.removeprefix("document "), rows, "document")
    for part in ("LFW, tested, lost", "Asian, tested, lost"):
        print(f"\n## Degraded: {part.removesuffix(', lost')}\n")
        print("Below the minimum of a live capture, in percent; `any` counts the old measures too.")
        print("\n", end="")
        heading("loss", "faces")
        for name, rows in by_loss(found[part]):
            line_of(name, rows, "live")
    masked = [row for row in found["tight, tested"] if MASKED.fullmatch(Path(row[0]).name)]
    print("\n## Real masks: `tight`, people left out\n")
    heading("pictures", "faces")
    line_of("named as masked", masked, "live")


def plain(found: dict[str, Rows]) -> Iterator[tuple[str, Rows]]:
    yield "LFW", found["LFW, tested"]
    yield "Asian", found["Asian, tested"]
    utk = [(row[0].rsplit("/", 1)[1].split("_"), row) for row in found["UTK, tested"]]
    for code, name in enumerate(("white", "black", "Asian", "Indian", "other")):
        yield f"UTK {name}", [row for words, row in utk if words[2] == str(code)]
    yield "UTK, 60 and older", [row for words, row in utk if int(words[0]) >= 60]
    yield "All-Age-Faces, 60 and older", found["ages"]
    tight = found["tight, tested"]
    yield "tight, plain", [row for row in tight if not MASKED.fullmatch(Path(row[0]).name)]


def by_loss(rows: Rows) -> Iterator[tuple[str, Rows]]:
    for name in dict.fromkeys(row[1] for row in rows):
        yield name, [row for row in rows if row[1] == name]


def heading(*words: str) -> None:
    cells = [*words, *NEW.values(), "any"]
    print("| " + " | ".join(cells) + " |")
    print("|---" * len(cells) + "|")


def line_of(name: str, rows: Rows, role: quality.Role) -> None:
    seen = [row[2] for row in rows if row[2] is not None]
    minima = {k: v for k, v in quality.MINIMA[role].items() if k != "single_face_present"}
    low = [{k for k, least in minima.items() if each[k][1] < least} for each in seen]
    counts = [sum(measure in each for each in low) for measure in NEW] + [sum(map(bool, low))]
    shares = [f"{100 * count / max(len(low), 1):.1f}" for count in counts]
    print("| " + " | ".join([name, f"{len(seen)} of {len(rows)}", *shares]) + " |")


def timed(data: Path) -> None:
    """Print the milliseconds that a measurement takes, the fastest of 20; and what of it is new."""
    verifier, taken = Verifier(threads=1), []
    lfw = lfw_pictures(data, tested=False)[:50]
    for path in [*lfw, *sorted((data / "photos").glob("*.jpg"))]:
        image = images.read(path)
        face = detect(verifier, image)
        if face is None:
            continue
        turns = []
        for _ in range(20):
            view = View(image, face, verifier.face_models.template, (face,))
            split = {}
            for name, entry in quality.MEASURES.items():
                begun = time.process_time()
                entry.value(view)
                split[name] = time.process_time() - begun
            turns.append(split)
        taken.append((path in lfw, {name: min(t[name] for t in turns) for name in turns[0]}))
    for kind, chosen in (("LFW", True), ("large photographs", False)):
        times = [split for of_lfw, split in taken if of_lfw == chosen]
        median = {name: 1e3 * float(np.median([t[name] for t in times])) for name in times[0]}
        new = sum(median[name] for name in NEW)
        print(f"{kind}: {sum(median.values()):.2f} ms, of which new {new:.2f} ms:", end=" ")
        print(", ".join(f"{name} {median[name]:.2f}" for name in median if median[name] > 0.02))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("draw", "train", "measure", "table", "time"))
    parser.add_argument("--data", type=Path, help="the folder with lfw, asian, train, tight, ages")
    parser.add_argument("--work", type=Path, help="the folder for what is computed")
    parser.add_argument("--part", help="measure only this part")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    if chosen.task == "draw":
        draw(chosen.data, chosen.work)
    elif chosen.task == "train":
        train(chosen.work)
    elif chosen.task == "measure":
        measure(chosen.data, chosen.work, chosen.part)
    elif chosen.task == "table":
        table(chosen.work)
    else:
        timed(chosen.data)


if __name__ == "__main__":
    main()
