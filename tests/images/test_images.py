"""Any picture becomes one upright RGB array, or an error that names it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from hostile import LOSSY, drawing, encode, formats, grey, stored, wide_profile
from renzheng.errors import InvalidInput, RenzhengError, UnreadableImage
from renzheng.images import Limits, describe, read

RGB = drawing()
PNG = encode(Image.fromarray(RGB), "PNG")


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


# --- sources -------------------------------------------------------------------------------


def test_every_kind_of_source_gives_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "身份证.png"
    path.write_bytes(PNG)
    with path.open("rb") as opened:
        sources = [path, str(path), PNG, bytearray(PNG), memoryview(PNG), io.BytesIO(PNG), opened]
        sources += [Image.open(io.BytesIO(PNG)), RGB]
        for source in sources:
            np.testing.assert_array_equal(read(source), RGB)


def test_a_stream_that_gives_little_at_a_time_is_read_to_its_end() -> None:
    class Drip(io.RawIOBase):
        rest = io.BytesIO(PNG)

        def read(self, size: int = -1) -> bytes:
            return self.rest.read(min(size, 100))

    np.testing.assert_array_equal(read(Drip()), RGB)


@pytest.mark.parametrize("kind", formats(RGB))
def test_every_format_is_read(kind: str) -> None:
    data, tolerance = formats(RGB)[kind]
    picture = read(data)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert difference(picture, RGB) <= tolerance


def test_heic_without_pillow_heif_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UnreadableImage, match=r"renzheng\[heic\]"):
        read(b"\0\0\0\x18ftypheic" + bytes(100))


def test_a_heic_with_an_orientation_is_turned_once() -> None:
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    heif.from_pillow(Image.fromarray(stored(RGB, 6))).save(stream, quality=95, exif=exif.tobytes())
    assert difference(read(stream.getvalue()), RGB) <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientations_come_out_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = Image.fromarray(stored(RGB, orientation))
    np.testing.assert_array_equal(read(encode(turned, "PNG", exif=exif)), RGB)
    assert difference(read(encode(turned, "JPEG", quality=95, exif=exif)), RGB) <= LOSSY
    np.testing.assert_array_equal(read(encode(turned, "TIFF", exif=exif)), RGB)


# --- colours -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "tolerance"),
    [("RGB", 0), ("RGBA", 0), ("RGBX", 0), ("RGBa", 0), ("CMYK", 1), ("HSV", 2), ("YCbCr", 2)],
)
def test_colour_modes_of_pillow_keep_their_colours(mode: str, tolerance: float) -> None:
    picture = Image.fromarray(RGB)
    if mode == "RGBa":
        picture = picture.convert("RGBA")
    assert difference(read(picture.convert(mode)), RGB) <= tolerance


@pytest.mark.parametrize("mode", ["L", "LA", "I", "F", "I;16"])
def test_grey_modes_of_pillow_keep_their_levels(mode: str) -> None:
    flat = Image.fromarray(RGB).convert("L")
    if mode == "I;16":
        deep = Image.fromarray(np.array(flat).astype(np.uint16) * 257)
    else:
        deep = flat.convert(mode)
    assert deep.mode == mode
    np.testing.assert_array_equal(read(deep), grey(RGB))


def test_transparency_is_laid_on_white() -> None:
    clear = np.dstack([RGB, np.zeros(RGB.shape[:2], np.uint8)])
    assert (read(Image.fromarray(clear)) == 255).all()
    assert (read(clear) == 255).all()


def test_arrays_and_files_blend_alike() -> None:
    alpha = np.arange(RGB.shape[0] * RGB.shape[1]).reshape(RGB.shape[:2]).astype(np.uint8)
    rgba = np.dstack([RGB, alpha])
    from_file = read(encode(Image.fromarray(rgba), "PNG")).astype(int)
    assert np.abs(read(rgba).astype(int) - from_file).max() <= 1


def test_an_embedded_profile_is_converted_to_srgb() -> None:
    data = encode(Image.fromarray(RGB), "PNG", icc_profile=wide_profile())
    # its red and green primaries are exchanged, and so must be the picture's channels
    assert difference(read(data), RGB[..., [1, 0, 2]]) <= 1


def test_one_of_many_frames_is_the_first() -> None:
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    data = encode(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read(data), RGB)


# --- arrays --------------------------------------------------------------------------------


def test_an_array_that_is_ready_is_not_copied() -> None:
    assert np.shares_memory(read(RGB), RGB)


def test_a_view_comes_back_contiguous() -> None:
    picture = read(RGB[:, ::-1])
    assert picture.flags.c_contiguous
    np.testing.assert_array_equal(picture, RGB[:, ::-1])


@pytest.mark.parametrize(
    "array",
    [
        RGB.astype(np.uint16) * 257,
        (RGB.astype(np.uint16) * 257).astype(">u2"),
        RGB.astype(np.float32) / 255,
        RGB.astype(np.float64) / 255,
    ],
    ids=["uint16", "uint16-big", "float32", "float64"],
)
def test_deep_arrays_are_scaled_to_eight_bits(array: np.ndarray) -> None:
    np.testing.assert_array_equal(read(array), RGB)


@pytest.mark.parametrize("shape", [RGB.shape[:2], (*RGB.shape[:2], 1)])
def test_grey_arrays_get_three_channels(shape: tuple[int, ...]) -> None:
    flat = RGB[..., 0]
    np.testing.assert_array_equal(read(flat.reshape(shape)), np.repeat(flat[..., None], 3, 2))


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (RGB.astype(np.float32), "0 to 1"),
        (np.full((20, 20), np.nan), "0 to 1"),
        (RGB.astype(np.int64), "int64"),
        (RGB.astype(bool), "bool"),
        (np.zeros((20, 20, 3), object), "object"),
        (np.zeros((3, 20, 20), np.uint8), r"\(3, 20, 20\)"),
        (np.zeros((1, 20, 20, 3), np.uint8), r"\(1, 20, 20, 3\)"),
        (np.zeros(20, np.uint8), r"\(20,\)"),
    ],
)
def test_other_arrays_are_invalid_input_that_says_why(array: np.ndarray, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read(array)


@pytest.mark.parametrize("source", [None, 7, ["a.jpg"], object()])
def test_other_types_are_invalid_input(source: object) -> None:
    with pytest.raises(InvalidInput, match="cannot be read from"):
        read(source)  # type: ignore[arg-type]


def test_a_text_stream_is_invalid_input() -> None:
    with pytest.raises(InvalidInput, match='"rb"'):
        read(io.StringIO("text"))  # type: ignore[arg-type]


# --- limits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(max_bytes=100), "larger than"),
        (Limits(max_pixels=RGB.shape[0] * RGB.shape[1] - 1), "megapixels"),
        (Limits(min_side=73), "at least 73 pixels"),
        (Limits(max_elongation=1.2), "strip"),
    ],
)
def test_limits_hold_for_every_kind_of_source(limits: Limits, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    sources = [path, PNG, io.BytesIO(PNG)]
    if says != "larger than":
        sources += [Image.fromarray(RGB), RGB]
    for source in sources:
        with pytest.raises(UnreadableImage, match=says):
            read(source, limits=limits)


def test_a_picture_exactly_at_its_limits_is_read() -> None:
    limits = Limits(len(PNG), RGB.shape[0] * RGB.shape[1], RGB.shape[0], 96 / 72)
    np.testing.assert_array_equal(read(PNG, limits=limits), RGB)


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.jpg"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(UnreadableImage, match="50 MiB"):
        read(path)


def test_an_endless_stream_is_refused() -> None:
    class Endless:
        def read(self, size: int) -> bytes:
            return bytes(min(size, 1 << 20))

    with pytest.raises(UnreadableImage, match="larger than"):
        read(Endless(), limits=Limits(max_bytes=3 << 20))  # type: ignore[arg-type]


def test_a_picture_above_pillows_own_limit_is_read_when_ours_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    np.testing.assert_array_equal(read(PNG), RGB)


def test_pillows_switches_are_left_alone() -> None:
    before = Image.MAX_IMAGE_PIXELS
    for data, _ in formats(RGB).values():
        read(data)
    assert before == Image.MAX_IMAGE_PIXELS
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


# --- names and errors ----------------------------------------------------------------------


def test_errors_name_the_file_the_reason_and_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(b"%PDF-1.7")
    with pytest.raises(UnreadableImage) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "PDF" in caught.value.reason
    assert caught.value.remedy


def test_a_given_name_replaces_the_path(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match=r"^the passport: "):
        read(tmp_path / "no.jpg", name="the passport")


def test_sources_are_described(tmp_path: Path) -> None:
    assert describe(Path("a") / "b.jpg") == str(Path("a") / "b.jpg")
    assert describe(b"") == "<bytes>"
    assert describe(RGB) == "<array>"
    assert describe(io.BytesIO()) == "<file object>"
    assert describe(Image.fromarray(RGB)) == "<Pillow image>"
    assert describe(3) == "<int>"
    named = tmp_path / "x"
    named.touch()
    with named.open("rb") as stream:
        assert describe(stream) == str(named)


def test_names_cannot_play_tricks_on_the_terminal() -> None:
    assert describe("a\x1b[31m\n.jpg") == r"a\x1b[31m\n.jpg"
    if os.name == "posix":
        assert describe(os.fsdecode(b"\xff.jpg")).encode() == rb"\udcff.jpg"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_forbidden_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(PNG)
    path.chmod(0)
    with pytest.raises(UnreadableImage, match="permissions"):
        read(path)


def test_a_refused_permission_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(PNG)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UnreadableImage, match="permissions"):
        read(path)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_escape_as_another_error(data: bytes) -> None:
    with pytest.raises(RenzhengError):
        read(data)


@given(st.sampled_from(sorted(formats(RGB))), st.data())
def test_any_damage_gives_an_error_or_an_rgb_array(kind: str, data: st.DataObject) -> None:
    whole = bytearray(formats_once()[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = read(bytes(whole))
    except UnreadableImage:
        return
    assert picture.dtype == np.uint8
    assert picture.shape[2:] == (3,)


_MADE: dict[str, bytes] = {}


def formats_once() -> dict[str, bytes]:
    if not _MADE:
        _MADE.update({kind: data for kind, (data, _) in formats(RGB).items()})
    return _MADE


# --- manners -------------------------------------------------------------------------------


def test_importing_the_module_does_not_import_pillow() -> None:
    code = "import sys, renzheng.images; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_threads_read_alike_and_leave_the_warning_filters() -> None:
    made = list(formats_once().values()) * 4
    read(made[0])
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(read, made))
    assert list(warnings.filters) == before
    for data, picture in zip(made, together, strict=True):
        np.testing.assert_array_equal(picture, read(data))


def test_the_first_two_pictures_may_be_read_at_once(tmp_path: Path) -> None:
    # Only a fresh process imports Pillow, and only sometimes do two threads get in each other's
    # way: ten tries.
    Image.new("RGB", (40, 40), "red").save(tmp_path / "a.png")
    Image.new("RGB", (40, 40), "red").save(tmp_path / "b.jpg")
    program = (
        "import sys, threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from renzheng import images\n"
        "gate = threading.Barrier(2)\n"
        "def read(name):\n"
        "    gate.wait()\n"
        "    return images.read(name).shape\n"
        "with ThreadPoolExecutor(2) as pool:\n"
        "    print(list(pool.map(read, sys.argv[1:])))\n"
    )
    for _ in range(10):
        done = subprocess.run(
            [sys.executable, "-c", program, tmp_path / "a.png", tmp_path / "b.jpg"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout == "[(40, 40, 3), (40, 40, 3)]\n", done.stderr
