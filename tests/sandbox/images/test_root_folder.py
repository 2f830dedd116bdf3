"""An image's archive becomes a folder: layers in order, checked, and nothing outside of the folder."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import FileRefused
from sandbox.files import root_folder
from sandbox.files.root_folder import unpack_image

Entry = bytes | str | tarfile.TarInfo
"""A file's content, a link's target, or a header."""


def tar_of(entries: Sequence[tuple[str, Entry]]) -> bytes:
    """A tar with these entries, in order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, entry in entries:
            member = entry if isinstance(entry, tarfile.TarInfo) else tarfile.TarInfo(name)
            content = entry if isinstance(entry, bytes) else b""
            if isinstance(entry, str):
                member.type, member.linkname = tarfile.SYMTYPE, entry
            elif isinstance(entry, bytes):
                member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def header(name: str, kind: bytes, *, target: str = "", mode: int = 0o755) -> tuple[str, tarfile.TarInfo]:
    """A header of another kind of entry."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, target, mode
    return name, member


def saved(path: Path, *layers: bytes, **changes: object) -> Path:
    """An archive as `docker save` writes it."""
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
        "os": "linux",
        "config": {"Env": ["PATH=/opt/v/bin:/usr/bin", "A=b=c"]},
        "rootfs": {"diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]},
        **changes,
    }
    document = json.dumps(config).encode()
    name = f"{hashlib.sha256(document).hexdigest()}.json"
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": name, "Layers": names}]).encode()
    entries = [(name, document), *zip(names, layers, strict=True), ("manifest.json", manifest)]
    path.write_bytes(tar_of(entries))
    return path


def layout(path: Path, *layers: bytes, blobs: Mapping[str, bytes] | None = None) -> Path:
    """An OCI image layout as tar, its layers compressed; `blobs` replaces some by their name."""
    content: dict[str, bytes] = {}

    def add(blob: bytes) -> dict[str, object]:
        digest = hashlib.sha256(blob).hexdigest()
        content[f"blobs/sha256/{digest}"] = blob
        return {"digest": f"sha256:{digest}", "size": len(blob)}

    diff_ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    config = add(json.dumps({"os": "linux", "rootfs": {"diff_ids": diff_ids}}).encode())
    manifest = {"config": config, "layers": [add(gzip.compress(layer)) for layer in layers]}
    other = add(b'{"layers": []}')
    index = {
        "manifests": [
            add(json.dumps(manifest).encode()),
            {**other, "platform": {"os": "unknown", "architecture": "unknown"}},
        ]
    }
    content |= {"index.json": json.dumps(index).encode(), "oci-layout": b"{}", **(blobs or {})}
    path.write_bytes(tar_of([*content.items()]))
    return path


BASE = tar_of([("usr/bin/tool", b"1"), ("usr/lib/x/a", b"a"), ("usr/lib/x/b", b"b"), ("lib", "usr/lib")])


def test_a_layer_replaces_and_removes_files_of_those_below(tmp_path: Path) -> None:
    above = tar_of([
        ("lib/x/c", b"c"), ("usr/bin/tool", b"2"), ("usr/lib/x/.wh.a", b""), ("home/me/file", b"not seen"),
    ])  # fmt: skip

    root = unpack_image(saved(tmp_path / "image.tar", BASE, above), tmp_path / "cache")

    assert (root / "usr/bin/tool").read_bytes() == b"2"
    assert sorted(path.name for path in (root / "usr/lib/x").iterdir()) == ["b", "c"]
    assert os.readlink(root / "lib") == "usr/lib"
    assert not (root / "home").exists()
    assert json.loads((root / "variables.json").read_text())["A"] == "b=c"


def test_an_opaque_folder_hides_the_layers_below_and_not_its_own(tmp_path: Path) -> None:
    above = tar_of([("usr/lib/x/new", b"n"), ("usr/lib/x/.wh..wh..opq", b"")])

    root = unpack_image(saved(tmp_path / "image.tar", BASE, above), tmp_path / "cache")

    assert [path.name for path in (root / "usr/lib/x").iterdir()] == ["new"]


def test_an_image_layout_and_a_flat_archive_give_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "flat.tar").write_bytes(BASE)
    roots = [
        unpack_image(path, tmp_path / "cache")
        for path in (
            tmp_path / "flat.tar",
            layout(tmp_path / "oci.tar", BASE),
            saved(tmp_path / "d.tar", BASE),
        )
    ]

    assert len(set(roots)) == 3
    assert {(root / "usr/lib/x/b").read_bytes() for root in roots} == {b"b"}


def test_an_archive_is_unpacked_once_for_its_content(tmp_path: Path) -> None:
    path = saved(tmp_path / "image.tar", BASE)
    first = unpack_image(path, tmp_path / "cache")
    (first / "mark").touch()

    again = unpack_image(path, tmp_path / "cache")
    saved(path, BASE, tar_of([("usr/other", b"")]))
    other = unpack_image(path, tmp_path / "cache")

    assert again == first
    assert (again / "mark").exists()
    assert other != first
    assert (other / "usr/other").exists()


@pytest.mark.parametrize(
    "link",
    [("usr/up", "/"), ("usr/up", "../../../../../../.."), ("usr/up", "{outside}")],
    ids=["absolute", "relative", "named"],
)
def test_nothing_is_written_or_removed_outside_over_a_link(tmp_path: Path, link: tuple[str, str]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    first = tar_of([(link[0], link[1].format(outside=outside)), ("usr/lib", b"")])
    second = tar_of([
        (f"usr/up{outside}/new", b"x"), ("usr/up/new", b"x"),
        (f"usr/up{outside}/.wh.kept", b""), ("usr/up/.wh.kept", b""), ("usr/up/.wh..wh..opq", b""),
    ])  # fmt: skip

    with pytest.raises(FileRefused) if "{" in link[1] else nullcontext():
        unpack_image(saved(tmp_path / "image.tar", first, second), tmp_path / "cache")

    assert [path.name for path in outside.iterdir()] == ["kept"]


def test_without_links_resolved_within_the_folder_a_layer_writes_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(root_folder, "IN_ROOT", 0)
    (tmp_path / "outside").mkdir()
    layer = tar_of([("usr/up", str(tmp_path / "outside")), ("usr/up/new", b"x")])

    unpack_image(saved(tmp_path / "image.tar", layer), tmp_path / "cache")

    assert (tmp_path / "outside/new").exists()


@pytest.mark.parametrize("name", ["usr/.wh...", "usr/.wh..", "usr/.wh."])
def test_a_name_that_would_remove_a_folder_above_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileRefused, match="removes no file"):
        unpack_image(saved(tmp_path / "image.tar", BASE, tar_of([(name, b"")])), tmp_path / "cache")

    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


def test_devices_and_setuid_bits_are_dropped(tmp_path: Path) -> None:
    layer = tar_of([
        header("usr/bin/disk", tarfile.BLKTYPE), header("usr/bin/pipe", tarfile.FIFOTYPE),
        header("usr/bin/su", tarfile.REGTYPE, mode=0o6755), header("usr/private", tarfile.REGTYPE, mode=0),
    ])  # fmt: skip

    root = unpack_image(saved(tmp_path / "image.tar", layer), tmp_path / "cache")

    assert sorted(path.name for path in (root / "usr/bin").iterdir()) == ["su"]
    assert (root / "usr/bin/su").stat().st_mode & 0o7777 == 0o755
    assert (root / "usr/private").stat().st_mode & 0o444 == 0o444


def test_a_hard_link_names_a_file_of_the_image_alone(tmp_path: Path) -> None:
    layer = tar_of([("usr/a", b"a"), header("usr/b", tarfile.LNKTYPE, target="usr/a")])
    root = unpack_image(saved(tmp_path / "image.tar", layer), tmp_path / "cache")
    hostile = tar_of([("usr/out", "/etc/passwd"), header("usr/b", tarfile.LNKTYPE, target="usr/out")])

    assert (root / "usr/b").read_bytes() == b"a"
    with pytest.raises(FileRefused, match="no regular file"):
        unpack_image(saved(tmp_path / "hostile.tar", hostile), tmp_path / "cache")


@pytest.mark.parametrize("target", ["usr/missing", "usr/a/b"])
def test_a_hard_link_to_a_file_that_is_not_in_the_image_is_refused(tmp_path: Path, target: str) -> None:
    layer = tar_of([("usr/a", b"a"), header("usr/b", tarfile.LNKTYPE, target=target)])

    with pytest.raises(FileRefused, match="isn't in the image, and a hard link names it"):
        unpack_image(saved(tmp_path / "image.tar", layer), tmp_path / "cache")


def test_an_altered_layer_or_document_is_refused(tmp_path: Path) -> None:
    altered = saved(tmp_path / "a.tar", BASE, rootfs={"diff_ids": [f"sha256:{'0' * 64}"]})
    with pytest.raises(FileRefused, match="doesn't have the SHA-256"):
        unpack_image(altered, tmp_path / "cache")

    image = layout(tmp_path / "b.tar", BASE)
    with tarfile.open(image) as tar:
        blob = next(
            name for name in tar.getnames() if name.startswith("blobs/") and b"diff_ids" in _read(tar, name)
        )
    layout(tmp_path / "b.tar", BASE, blobs={blob: b'{"os": "linux", "rootfs": {"diff_ids": []}}'})
    with pytest.raises(FileRefused, match="doesn't have the SHA-256 that names it"):
        unpack_image(image, tmp_path / "cache")


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    content = tar.extractfile(name)
    return content.read() if content is not None else b""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no archive"),
        (b"text" * 1000, "no archive"),
        (gzip.compress(b"x"), "gunzip"),
        (tar_of([("manifest.json", b"[]")]), "holds 0 images"),
        (tar_of([("manifest.json", b"[{}]")]), "lacks what it must have"),
        (tar_of([("manifest.json", b'[{"Config": "c", "Layers": []}]')]), "lacks 'c'"),
        (tar_of([("manifest.json", b"{")]), "no JSON"),
        (tar_of([("usr/../../x", b"")]), "no path within it"),
    ],
    # Not from the contents, of which some hold the time: workers of pytest-xdist must agree on the names.
    ids=["empty", "text", "damaged", "no image", "no layers", "no config", "no JSON", "path outside"],
)
def test_what_is_no_archive_of_an_image_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "image.tar").write_bytes(content)

    with pytest.raises(FileRefused, match=reason):
        unpack_image(tmp_path / "image.tar", tmp_path / "cache")

    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


def test_an_image_for_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="is an image for linux on riscv64"):
        unpack_image(saved(tmp_path / "image.tar", BASE, architecture="riscv64"), tmp_path / "cache")


def test_a_large_image_is_refused(tmp_path: Path) -> None:
    layer = gzip.compress(tar_of([("usr/zeros", bytes(1 << 20))]))
    config = {"rootfs": {"diff_ids": [f"sha256:{hashlib.sha256(gzip.decompress(layer)).hexdigest()}"]}}

    with pytest.raises(FileRefused, match="holds more than"):
        unpack_image(saved(tmp_path / "image.tar", layer, **config), tmp_path / "cache", max_bytes=1 << 19)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 20_000), byte=st.integers(0, 255), at=st.integers(0, 20_000))
def test_a_damaged_archive_is_refused_or_unpacked_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, cut: int, byte: int, at: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(saved(folder / "image.tar", BASE).read_bytes())
    content[at % len(content)] = byte
    (folder / "image.tar").write_bytes(content[: len(content) - cut % len(content)])
    try:
        unpack_image(folder / "image.tar", folder / "cache")
    except FileRefused:
        return
