"""bitHuman's errors in the package's tree: what catches which, and what each says."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from livekit_bithuman import AvatarError, AvatarFormatError, AvatarNotFoundError, InvalidStateError
from livekit_bithuman.adapters import errors

#: (class, its bases in bitHuman's SDK and plugin, its bases in this package, code, exit code)
CODED = [
    (errors.BithumanError, [], [AvatarError, errors.BitHumanException], "unknown", 70),
    (errors.TokenError, [errors.BithumanError], [], "token_error", 77),
    (errors.TokenExpiredError, [errors.TokenError], [], "token_expired", 77),
    (errors.TokenValidationError, [errors.TokenError], [], "token_invalid", 77),
    (errors.TokenRequestError, [errors.TokenError], [], "token_request_failed", 75),
    (errors.AccountStatusError, [errors.TokenError], [], "account_status_invalid", 77),
    (errors.ModelError, [errors.BithumanError], [], "model_error", 65),
    (errors.ModelNotFoundError, [errors.ModelError], [AvatarNotFoundError, FileNotFoundError], "model_not_found", 66),
    (errors.ModelLoadError, [errors.ModelError], [AvatarFormatError, ValueError], "model_load_failed", 65),
    (errors.ModelSecurityError, [errors.ModelError], [], "model_security_violation", 77),
    (errors.RuntimeNotReadyError, [errors.BithumanError], [InvalidStateError], "runtime_not_ready", 69),
]

NEWER = [(errors.InvalidAvatar, 66), (errors.NotSupported, 69), (errors.NotAuthorised, 77), (errors.Failed, 70)]


@pytest.mark.parametrize(("kind", "theirs", "ours", "code", "exit_code"), CODED)
def test_an_error_is_caught_under_either_name(
    kind: type[errors.BithumanError], theirs: list[type], ours: list[type], code: str, exit_code: int
) -> None:
    error = kind("The file is gone. Fetch it again.")

    assert all(isinstance(error, base) for base in [*theirs, *ours, errors.BitHumanException, AvatarError])
    assert str(error) == f"[{code}] The file is gone. Fetch it again."
    assert error.code == code
    assert error.docs_url.endswith(f"#{code}")
    assert error.exit_code == exit_code


@pytest.mark.parametrize("kind", [case[0] for case in CODED])
def test_an_error_may_have_another_code_and_no_message(kind: type[errors.BithumanError]) -> None:
    assert str(kind()) == f"[{kind.code}]"
    error = kind("No credit is left.", code="metering_out_of_credits")
    assert error.code == "metering_out_of_credits"
    assert str(error) == "[metering_out_of_credits] No credit is left."


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize("kind", [case[0] for case in CODED])
def test_an_error_is_copied_as_it_is(
    kind: type[errors.BithumanError], again: Callable[[errors.BithumanError], errors.BithumanError]
) -> None:
    error = again(kind("It broke.", code="special"))

    assert type(error) is kind
    assert (str(error), error.code, error.args) == ("[special] It broke.", "special", ("[special] It broke.",))


def test_a_model_error_names_the_file() -> None:
    error = errors.ModelNotFoundError("No model at a.imx.", source="a.imx")

    assert error.source == "a.imx"
    assert isinstance(error, OSError)
    assert error.errno is None


@pytest.mark.parametrize(("kind", "exit_code"), NEWER)
def test_the_newer_family_is_beside_the_older(kind: type[errors.BitHumanException], exit_code: int) -> None:
    error = kind("The avatar cannot run here.")

    assert isinstance(error, errors.BitHumanException)
    assert not isinstance(error, errors.BithumanError)
    assert (str(error), error.exit_code) == ("The avatar cannot run here.", exit_code)
