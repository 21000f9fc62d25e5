"""What bitHuman's SDK raises, in the package's words: which error, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from livekit_bithuman.adapters import errors
from livekit_bithuman.adapters.explain import explained
from livekit_bithuman.errors import AvatarError, EngineError, MissingDependencyError
from tests.stand_in import sdk_error

CASES = [
    (sdk_error("TokenExpiredError", "jwt expired", "token_expired"), errors.TokenExpiredError, "Start the session"),
    (sdk_error("TokenValidationError", "bad", "token_invalid"), errors.TokenValidationError, "BITHUMAN_API_SECRET"),
    (sdk_error("TokenRequestError", "no answer", "token_request_failed"), errors.TokenRequestError, "firewall"),
    (sdk_error("AccountStatusError", "402", "account_status_invalid"), errors.AccountStatusError, "credit and plan"),
    (sdk_error("ModelNotFoundError", "nothing there", "model_not_found"), errors.ModelNotFoundError, "path"),
    (sdk_error("ModelLoadError", "truncated", "model_load_failed"), errors.ModelLoadError, "Download the model again"),
    (sdk_error("ModelSecurityError", "tampered", "model_security_violation"), errors.ModelSecurityError, "Download"),
    (sdk_error("RuntimeNotReadyError", "no model", "runtime_not_ready"), errors.RuntimeNotReadyError, "create("),
    (sdk_error("BithumanError", "odd", "unknown"), errors.BithumanError, "odd"),
    (sdk_error("InvalidAvatar", "not usable"), errors.InvalidAvatar, "Check the path"),
    (sdk_error("NotSupported", "not here"), errors.NotSupported, "cloud"),
    (sdk_error("NotAuthorised", "no"), errors.NotAuthorised, "BITHUMAN_API_SECRET"),
    (sdk_error("Failed", "try later"), errors.Failed, "Try again"),
    (sdk_error("BithumanError", "no", "metering_out_of_credits"), errors.AccountStatusError, "credit"),
    (sdk_error("BithumanError", "no", "metering_credential_rejected"), errors.TokenValidationError, "secrets are made"),
    (sdk_error("BithumanError", "half", "bundle_truncated"), errors.ModelLoadError, "Download the model again"),
    (
        RuntimeError("auth_authenticate: curl_easy_perform: Couldn't resolve host name"),
        errors.TokenRequestError,
        "this machine reaches",
    ),
    (RuntimeError("auth_authenticate: HTTP 401 unauthorized"), errors.TokenValidationError, "BITHUMAN_API_SECRET"),
    (RuntimeError("auth_authenticate: HTTP 403"), errors.AccountStatusError, "credit and plan"),
    (RuntimeError("auth_authenticate: HTTP 503"), errors.TokenRequestError, "has a fault"),
    (
        RuntimeError("curl_easy_perform: SSL peer certificate or SSH remote key was not OK"),
        errors.TokenRequestError,
        "ca-certificates",
    ),
    (FileNotFoundError("a.imx"), errors.ModelNotFoundError, "Check the path"),
    (ValueError("no such model family"), errors.ModelLoadError, "Download the model again"),
    (ModuleNotFoundError("No module named 'ai_edge_litert'", name="ai_edge_litert"), MissingDependencyError, "[expres"),
    (KeyError("surprise"), errors.BithumanError, "surprise"),
]


@pytest.mark.parametrize(("raised", "kind", "advice"), CASES)
def test_each_error_has_its_name_and_says_what_to_do(raised: Exception, kind: type[AvatarError], advice: str) -> None:
    error = explained(raised)

    assert type(error) is kind
    assert advice in str(error)
    assert ".." not in str(error)


@pytest.mark.parametrize("raised", [case[0] for case in CASES if getattr(case[0], "code", "")])
def test_the_code_is_kept(raised: Exception) -> None:
    error = explained(raised)

    assert isinstance(error, errors.BithumanError)
    assert error.code == raised.code  # type: ignore[attr-defined]
    assert str(error).count("[") == 1


def test_a_model_error_names_the_model() -> None:
    error = explained(sdk_error("ModelLoadError", "truncated", "model_load_failed"), source="a.imx")

    assert isinstance(error, errors.ModelLoadError)
    assert error.source == "a.imx"


def test_errors_of_the_package_stay_as_they_are() -> None:
    error = EngineError("It stopped.")

    assert explained(error) is error


def test_a_class_of_somebody_elses_with_such_a_name_is_not_taken_for_the_sdks() -> None:
    class TokenError(RuntimeError): ...

    assert type(explained(TokenError("of another library"))) is errors.BithumanError


def test_the_secret_is_left_out() -> None:
    error = explained(RuntimeError("HTTP 401 for bh-secret-1"), secret="bh-secret-1")

    assert "bh-secret-1" not in str(error)
    assert isinstance(error, errors.TokenValidationError)


@pytest.mark.parametrize("name", ["CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_variable_that_names_a_missing_bundle_is_what_is_wrong_with_certificates(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, str(tmp_path / "gone.pem"))
    trouble = RuntimeError("curl_easy_perform: Problem with the SSL CA cert (path? access rights?)")

    assert f"{name} names {tmp_path / 'gone.pem'}, which is not there" in str(explained(trouble))
    assert "not there" not in str(explained(RuntimeError("HTTP 403")))
