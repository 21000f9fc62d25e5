"""livekit-client's file: taken from npm by name and version, and refused if it is another one."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from livekit_bithuman.demo import vendor

CONTENT = {"package/dist/livekit-client.umd.js": b"the client", "package/LICENSE": b"its licence"}


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose npm has a small livekit-client; returns the archive, for tests to change."""
    archive = tmp_path / "published.tgz"
    with tarfile.open(archive, "w:gz") as package:
        for member, content in CONTENT.items():
            info = tarfile.TarInfo(member)
            info.size = len(content)
            package.addfile(info, io.BytesIO(content))
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    # npm pack NAME@VERSION --ignore-scripts --silent --pack-destination DIRECTORY
    program.write_text(f'#!/bin/sh\necho "$2" > "{tmp_path}/asked"\ncp "{archive}" "$6/package.tgz"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}/bin{os.pathsep}/usr/bin")
    digests = {
        member: (name, hashlib.sha256(CONTENT[member]).hexdigest()) for member, (name, _) in vendor.FILES.items()
    }
    monkeypatch.setattr(vendor, "FILES", digests)
    return archive


def test_the_pinned_version_is_fetched_once(npm: Path, tmp_path: Path) -> None:
    told: list[str] = []
    files = vendor.fetch(told.append, tmp_path / "vendor")
    assert (tmp_path / "asked").read_text().strip() == f"livekit-client@{vendor.VERSION}"
    assert [path.read_bytes() for path in files] == list(CONTENT.values())
    assert len(told) == 1
    npm.unlink()
    assert vendor.fetch(told.append, tmp_path / "vendor") == files
    assert len(told) == 1, "nothing was fetched again"


def test_a_file_with_another_hash_is_refused(npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vendor.FILES, "package/LICENSE", ("livekit-client.LICENSE", "0" * 64))
    with pytest.raises(vendor.VendorError, match="not the file that this version was checked with"):
        vendor.fetch(lambda _: None, tmp_path / "vendor")
    assert not (tmp_path / "vendor" / "livekit-client.LICENSE").exists()


def test_a_damaged_file_is_fetched_again(npm: Path, tmp_path: Path) -> None:
    path = vendor.fetch(lambda _: None, tmp_path / "vendor")[0]
    path.write_bytes(b"half of")
    assert not vendor.is_present(tmp_path / "vendor")
    vendor.fetch(lambda _: None, tmp_path / "vendor")
    assert path.read_bytes() == CONTENT["package/dist/livekit-client.umd.js"]


def test_without_npm_it_is_taken_from_pypi(npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = npm.parent / "bin" / "npm"
    own = npm.parent / "own" / "bin" / "npm"
    own.parent.mkdir(parents=True)
    program.rename(own)
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setattr(vendor, "_npm_from_pypi", lambda scratch, report: ["/bin/sh", str(own)])
    assert vendor.fetch(lambda _: None, tmp_path / "vendor")[0].exists()


def test_no_network_is_one_error_that_says_what_is_needed(
    npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = npm.parent / "bin" / "npm"
    program.write_text("#!/bin/sh\necho getaddrinfo ENOTFOUND\nexit 1\n")
    monkeypatch.setattr(vendor, "_npm_from_pypi", lambda scratch, report: None)
    with pytest.raises(vendor.VendorError, match="ENOTFOUND"):
        vendor.fetch(lambda _: None, tmp_path / "vendor")
