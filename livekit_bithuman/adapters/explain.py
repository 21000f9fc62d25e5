"""What bitHuman's SDK raises, as this package's errors: what is wrong, and what to do about it.

Exceptions are told by their class names and codes, so that the SDK need not be imported, nor be of a certain release.
"""

from __future__ import annotations

import os
import re

from ..errors import AvatarError, MissingDependencyError
from . import errors

KEYS_PAGE = "https://www.bithuman.ai/developer/api-keys"
BILLING_PAGE = "https://www.bithuman.ai/billing"

_CHECK_SECRET = f"Check BITHUMAN_API_SECRET; secrets are made at {KEYS_PAGE}"
_CHECK_ACCOUNT = f"See the account's credit and plan at {BILLING_PAGE}"
_FETCH_MODEL = "Download the model again, and check that this SDK's version and extras are for its family"
_CHECK_NETWORK = (
    "Check that this machine reaches https://api.bithuman.ai (DNS, firewall, proxy), and try again; "
    "bitHuman's models need it to start"
)
_CHECK_CERTIFICATES = (
    "Install the distribution's certificates (ca-certificates), or set SSL_CERT_FILE or CURL_CA_BUNDLE to a bundle "
    "that knows your network's authority"
)

#: By code, for those whose class says too little: the class of ours and what to do.
_BY_CODE: dict[str, tuple[type[errors.BithumanError], str]] = {
    "metering_no_credential": (errors.TokenValidationError, _CHECK_SECRET),
    "metering_credential_rejected": (errors.TokenValidationError, _CHECK_SECRET),
    "metering_plan_required": (errors.AccountStatusError, _CHECK_ACCOUNT),
    "metering_concurrency_limit_reached": (
        errors.AccountStatusError,
        "End another session of this account, or see its plan",
    ),
    "metering_account_suspended": (errors.AccountStatusError, "Write to bitHuman's support"),
    "metering_out_of_credits": (errors.AccountStatusError, _CHECK_ACCOUNT),
    "metering_unreachable": (errors.TokenRequestError, _CHECK_NETWORK),
    "bundle_member_missing": (errors.ModelLoadError, _FETCH_MODEL),
    "bundle_truncated": (errors.ModelLoadError, _FETCH_MODEL),
}

#: By the name of the SDK's class.
_BY_NAME: dict[str, tuple[type[errors.BitHumanException], str]] = {
    "TokenExpiredError": (errors.TokenExpiredError, "Start the session again for a new token"),
    "TokenValidationError": (errors.TokenValidationError, _CHECK_SECRET),
    "TokenRequestError": (errors.TokenRequestError, _CHECK_NETWORK),
    "AccountStatusError": (errors.AccountStatusError, _CHECK_ACCOUNT),
    "TokenError": (errors.TokenError, _CHECK_SECRET),
    "ModelNotFoundError": (errors.ModelNotFoundError, "Check the path"),
    "ModelLoadError": (errors.ModelLoadError, _FETCH_MODEL),
    "ModelSecurityError": (errors.ModelSecurityError, "Download the model again from bitHuman"),
    "ModelError": (errors.ModelError, _FETCH_MODEL),
    "RuntimeNotReadyError": (errors.RuntimeNotReadyError, "Make the runtime by create(model_path=…), and wait for it"),
    "InvalidAvatar": (errors.InvalidAvatar, "Check the path, or download the model again"),
    "NotSupported": (errors.NotSupported, "Use the model in bitHuman's cloud (avatar_id=…), or another machine"),
    "NotAuthorised": (errors.NotAuthorised, f"{_CHECK_SECRET}. {_CHECK_ACCOUNT}"),
    "Failed": (errors.Failed, "Try again"),
    "BithumanError": (errors.BithumanError, ""),
}

#: What the SDK's native code says in plain exceptions, most telling first.
_BY_TEXT: tuple[tuple[re.Pattern[str], type[errors.BithumanError], str], ...] = (
    (re.compile(r"certificate|ssl|ca.?bundle|ca.?cert", re.I), errors.TokenRequestError, _CHECK_CERTIFICATES),
    (re.compile(r"http\D{0,3}40[23]\b", re.I), errors.AccountStatusError, _CHECK_ACCOUNT),
    (re.compile(r"http\D{0,3}401\b|unauthori[sz]ed", re.I), errors.TokenValidationError, _CHECK_SECRET),
    (re.compile(r"http\D{0,3}5\d\d\b", re.I), errors.TokenRequestError, "Try again; the service has a fault"),
    (
        re.compile(r"curl|resolve host|connect|timed? ?out|network|unreachable", re.I),
        errors.TokenRequestError,
        _CHECK_NETWORK,
    ),
)


def explained(error: BaseException, *, source: str = "", secret: str | None = None) -> AvatarError:
    """An error of the SDK as one of the package's; one of the package's as it is.

    Args:
        error: Anything.
        source: The model's path.
        secret: Left out of the message wherever it stands.
    """
    if isinstance(error, AvatarError):
        return error
    said = _said(error, secret)
    name = next((kind.__name__ for kind in type(error).__mro__ if _is_theirs(kind)), None)
    code = getattr(error, "code", None)
    if name is not None and code in _BY_CODE:
        coded, advice = _BY_CODE[code]
        return _made(coded, said, advice, code, source)
    if name is not None and name in _BY_NAME:
        kind, advice = _BY_NAME[name]
        return _made(kind, said, advice, code, source)
    if isinstance(error, ImportError):
        return MissingDependencyError(
            error.name or "bithuman",
            f"bitHuman's SDK lacks a package ({said}). Install what the model's family needs: pip install \"bithuman["
            'expression-2]" for Expression 2, "bithuman[essence-2]" for Essence 2.',
        )
    if isinstance(error, FileNotFoundError):
        return _made(errors.ModelNotFoundError, said, "Check the path", None, source)
    for pattern, kind_of_text, advice in _BY_TEXT:
        if pattern.search(said):
            hint = _certificates_hint() if advice is _CHECK_CERTIFICATES else ""
            return _made(kind_of_text, said, hint or advice, None, source)
    if isinstance(error, ValueError):
        return _made(errors.ModelLoadError, said, _FETCH_MODEL, None, source)
    return _made(
        errors.BithumanError, f"{type(error).__name__}: {said}" if said else type(error).__name__, "", None, ""
    )


def missing_bundle() -> tuple[str, str] | None:
    """The environment variable that names a file of certificates which is not there, and that file; None if none does.

    bitHuman's SDK reads both variables; otherwise it finds the distribution's own file.
    """
    for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        path = os.environ.get(name)
        if path and not os.path.isfile(path):
            return name, path
    return None


def _certificates_hint() -> str:
    missing = missing_bundle()
    return "" if missing is None else f"{missing[0]} names {missing[1]}, which is not there: correct it or unset it"


def _is_theirs(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "bithuman" and (kind.__name__ in _BY_NAME)


def _said(error: BaseException, secret: str | None) -> str:
    """The error's own words, without the code before them and the full stop behind."""
    said = re.sub(r"^\[\w+\]\s*", "", str(error)).strip().rstrip(".")
    return said.replace(secret, "…") if secret else said


def _made(
    kind: type[errors.BitHumanException], said: str, advice: str, code: str | None, source: str
) -> errors.BitHumanException:
    message = ". ".join(part for part in (said, advice) if part)
    message += "" if not message or message.endswith((".", "…")) else "."
    if issubclass(kind, errors.ModelError):
        return kind(message, code=code, source=source)
    if issubclass(kind, errors.BithumanError):
        return kind(message, code=code)
    return kind(message)
