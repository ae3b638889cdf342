"""Archives from users: whatever is wrong is a DataError with the file and a fix."""

import contextlib
import io
import stat
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cai_keras.data.archive import open_archive, read_grey_image, read_member
from cai_keras.errors import DataError

TEXT = b"run01/test/item01.png run01/training/class01.png\n" * 20


def write_zip(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def png_bytes(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def fails_to_open(path):
    with pytest.raises(DataError) as caught, open_archive(path):
        pass
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def fails_to_read(path, name, read=read_member):
    with pytest.raises(DataError) as caught, open_archive(path) as archive:
        read(archive, name)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert name in message
    assert "download it again" in message
    return message


def test_a_member_of_a_sound_archive_is_read(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"folder/labels.txt": TEXT})

    with open_archive(path) as archive:
        content = read_member(archive, "folder/labels.txt")

    assert content == TEXT


def test_an_archive_is_closed_at_the_end(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a": TEXT})

    with open_archive(path) as archive:
        pass

    assert archive.fp is None


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_an_image_is_read_as_grey_levels(tmp_path, mode):
    pixels = np.zeros((3, 4), np.uint8)
    pixels[1, 2] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "PNG")
    path = write_zip(tmp_path / "a.zip", {"a.png": buffer.getvalue()})

    with open_archive(path) as archive:
        image = read_grey_image(archive, "a.png")

    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, pixels)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "images/../../evil.png",
        "/etc/evil.png",
        "..\\evil.png",
        "images\\..\\..\\evil.png",
        "\\evil.png",
        "C:\\evil.png",
        "C:/evil.png",
    ],
)
def test_a_name_that_leads_out_of_the_archive_is_refused(tmp_path, name):
    member = zipfile.ZipInfo()
    member.filename = name  # the constructor would repair some of these
    path = write_zip(tmp_path / "a.zip", {"good.png": b"x", member: b"x"})

    message = fails_to_open(path)

    assert "leads out of the zip" in message
    assert repr(name) in message or repr(name.replace("\\", "/")) in message
    assert "download it again" in message


def test_dots_inside_a_name_are_harmless(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a..b/c...png": TEXT})

    with open_archive(path) as archive:
        assert read_member(archive, "a..b/c...png") == TEXT


def test_a_link_is_refused(tmp_path):
    member = zipfile.ZipInfo("images/link.png")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = write_zip(tmp_path / "a.zip", {member: b"/etc/passwd"})

    message = fails_to_open(path)

    assert "'images/link.png' is a link" in message
    assert "download it again" in message


def test_a_member_of_more_than_64_mib_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"bomb.png": bytes((64 << 20) + 1)})

    message = fails_to_open(path)

    assert path.stat().st_size < 1 << 20  # so small that only unpacking would tell
    assert "'bomb.png' is over 64 MiB" in message
    assert "download it again" in message


def test_a_missing_archive_is_named(tmp_path):
    message = fails_to_open(tmp_path / "images.zip")

    assert "no such file" in message
    assert "put it there" in message


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x89PNG\r\n"])
def test_what_is_no_zip_is_to_be_downloaded_again(tmp_path, content):
    path = tmp_path / "images.zip"
    path.write_bytes(content)

    assert "download it again" in fails_to_open(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_off_zip_is_to_be_downloaded_again(tmp_path, share):
    path = write_zip(tmp_path / "a.zip", {"a.txt": TEXT, "b.txt": TEXT})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])

    assert "download it again" in fails_to_open(path)


def test_a_missing_member_is_named(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a.txt": TEXT})

    assert "missing" in fails_to_read(path, "run01/class_labels.txt")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_member_is_named(tmp_path, compression):
    path = write_zip(tmp_path / "a.zip", {"a.txt": TEXT}, compression)
    content = bytearray(path.read_bytes())
    start = 30 + len("a.txt")  # a local header is 30 bytes and the name
    for position in range(start + 4, start + 12):
        content[position] ^= 0xFF
    path.write_bytes(content)

    assert "is damaged" in fails_to_read(path, "a.txt")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_flipped_byte_gives_anything_but_a_data_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "flipped.zip"
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    write_zip(path, {"a.png": png_bytes(pixels)})
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)

    # A byte without effect, such as one of the date's, leaves the image whole.
    with contextlib.suppress(DataError), open_archive(path) as archive:
        image = read_grey_image(archive, "a.png")
        np.testing.assert_array_equal(image, pixels)


def test_what_is_no_image_is_named(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a.png": b"not a picture"})

    message = fails_to_read(path, "a.png", read_grey_image)

    assert "not a readable image" in message


def test_a_cut_off_image_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (105, 105), np.uint8)
    whole = png_bytes(noise)
    path = write_zip(tmp_path / "a.zip", {"a.png": whole[: len(whole) // 2]})

    message = fails_to_read(path, "a.png", read_grey_image)

    assert "not a readable image" in message


def test_an_image_with_absurd_dimensions_is_named(tmp_path):
    # A PNG whose header says 50,000 x 50,000: Pillow's decompression bomb.
    content = bytearray(png_bytes(np.zeros((2, 2), np.uint8)))
    content[16:24] = (50_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path = write_zip(tmp_path / "a.zip", {"a.png": bytes(content)})

    message = fails_to_read(path, "a.png", read_grey_image)

    assert "not a readable image" in message
