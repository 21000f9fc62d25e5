"""Which server is used, and what is said when there is none: with programs that stand in for livekit-server and Go."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from livekit_bithuman.errors import ServerError
from livekit_bithuman.server import SERVER_VERSION, build_server, find_binary, obtain_binary, server_from_environment
from livekit_bithuman.server.binary import cached_path
from livekit_bithuman.server.cache import cache_directory, locked

ALL_SET = {"LIVEKIT_URL": "wss://a.example", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s"}

MakeProgram = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache, and nothing on PATH but the shell."""
    monkeypatch.setenv("LIVEKIT_BITHUMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{tmp_path / 'system'}")
    (tmp_path / "bin").mkdir()
    (tmp_path / "system").mkdir()
    for name in ("sh", "cat", "chmod"):
        (tmp_path / "system" / name).symlink_to(
            next(p for p in (f"/bin/{name}", f"/usr/bin/{name}") if os.path.exists(p))
        )
    return tmp_path


@pytest.fixture
def program(machine: Path) -> MakeProgram:
    """Puts a shell script on PATH."""

    def make(name: str, script: str) -> Path:
        path = machine / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


def fake_go(version: str = "1.26.1", server: str = f"echo livekit-server version {SERVER_VERSION}") -> str:
    """A Go whose `install` writes a program that runs `server`."""
    return f"""
case "$1" in
  version) echo go version go{version} linux/amd64 ;;
  install)
    echo "go: downloading example.org/module v1.0.0"
    echo "$@" > "$GOBIN.arguments"
    [ -d "$GOBIN" ] || /bin/mkdir -p "$GOBIN"
    printf '#!/bin/sh\\n%s\\n' '{server}' > "$GOBIN/server"
    chmod 755 "$GOBIN/server" ;;
esac"""


def test_the_environment_names_a_server_only_with_all_three_settings() -> None:
    assert server_from_environment({}) is None
    address = server_from_environment(ALL_SET)
    assert address is not None
    assert (address.url, address.api_key, address.api_secret) == ("wss://a.example", "k", "s")
    assert address.http_url == "https://a.example"


@pytest.mark.parametrize("missing", ["LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"])
def test_half_an_environment_is_an_error_that_names_the_other_half(missing: str) -> None:
    with pytest.raises(ServerError, match=missing):
        server_from_environment({**ALL_SET, missing: " "})


@pytest.mark.parametrize("url", ["localhost:7880", "ftp://a.example", "ws://"])
def test_an_address_that_is_none_is_refused_before_it_is_used(url: str) -> None:
    with pytest.raises(ServerError, match="no address"):
        server_from_environment({**ALL_SET, "LIVEKIT_URL": url})


def test_the_secret_is_not_printed() -> None:
    address = server_from_environment({**ALL_SET, "LIVEKIT_API_SECRET": "swordfish"})
    assert "swordfish" not in repr(address)


def test_path_comes_before_the_cache_and_the_cache_before_a_build(program: MakeProgram) -> None:
    assert find_binary() is None
    program("go", fake_go())
    built = obtain_binary(lambda _: None)
    assert (built.origin, built.path, built.version()) == ("build", cached_path(), SERVER_VERSION)
    again = obtain_binary(lambda _: pytest.fail("nothing is to be built"))
    assert again.origin == "cache"
    installed = program("livekit-server", "echo livekit-server version 1.9.0")
    found = find_binary()
    assert found is not None
    assert (found.origin, found.path, found.version()) == ("PATH", installed, "1.9.0")


def test_a_build_tells_what_it_does_and_leaves_nothing_but_the_program(program: MakeProgram) -> None:
    program("go", fake_go())
    told: list[str] = []
    build_server(told.append)
    assert any("Go 1.26.1" in line for line in told)
    assert any("example.org/module" in line for line in told)
    assert sorted(path.name for path in cached_path().parent.iterdir()) == ["livekit-server", "lock"]


def test_a_failed_build_says_why_and_how_to_go_on(program: MakeProgram) -> None:
    program("go", 'case "$1" in version) echo go version go1.27 x/y;; *) echo no space left on device; exit 1;; esac')
    with pytest.raises(ServerError, match="no space left on device") as caught:
        build_server(lambda _: None)
    assert "livekit-server" in str(caught.value)
    assert "LIVEKIT_URL" in str(caught.value)
    assert find_binary() is None


def test_a_program_that_does_not_run_is_not_kept(program: MakeProgram) -> None:
    program("go", fake_go(server="exit 1"))
    with pytest.raises(ServerError, match="does not run"):
        build_server(lambda _: None)
    assert find_binary() is None


def test_an_old_go_is_passed_over_for_one_of_our_own(program: MakeProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    from livekit_bithuman.server import build

    program("go", fake_go(version="1.21.9"))
    assert build.go_at_hand() is None
    asked: list[Path] = []

    def own_go(scratch: Path, report: object) -> build.GoToolchain:
        asked.append(scratch)
        return build.GoToolchain(program("own-go", fake_go()), "1.26.6", {"GOPATH": str(scratch / "gopath")})

    monkeypatch.setattr(build, "_install_go", own_go)
    assert build_server(lambda _: None).version() == SERVER_VERSION
    assert len(asked) == 1
    assert not asked[0].exists()


def test_a_second_builder_waits_and_takes_the_first_ones_build(program: MakeProgram) -> None:
    program("go", fake_go())
    results: list[str] = []
    waits = threading.Event()
    second = threading.Thread(target=lambda: results.append(build_server(lambda _: waits.set()).origin))
    with locked(cached_path().with_name("lock")) as waited:
        assert not waited
        second.start()
        assert waits.wait(timeout=30)
        # what the first builder does last
        cached_path().write_text("#!/bin/sh\n")
        cached_path().chmod(0o755)
    second.join(timeout=30)
    assert results == ["cache"]


def test_the_cache_is_where_the_platform_keeps_such_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LIVEKIT_BITHUMAN_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "livekit-bithuman"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_directory() == Path.home() / ".cache" / "livekit-bithuman"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_directory() == Path.home() / "Library" / "Caches" / "livekit-bithuman"
