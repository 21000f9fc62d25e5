"""Errors of bitHuman's models, accounts and service, under the names that its SDK and its LiveKit plugin give them.

    AvatarError
    └── BitHumanException              whatever bitHuman's SDK or service refuses or fails to do
        ├── BithumanError              carries a `code`; a refusal that has no name of its own
        │   ├── TokenError             the account
        │   │   ├── TokenExpiredError        the token's time is over
        │   │   ├── TokenValidationError     the secret or the token is wrong
        │   │   ├── TokenRequestError        the service cannot be reached, or has no answer
        │   │   └── AccountStatusError       the account may not do this: credit, plan, suspension
        │   ├── ModelError             the `.imx` model
        │   │   ├── ModelNotFoundError       no file at that path (also an `AvatarNotFoundError`)
        │   │   ├── ModelLoadError           truncated, out of date, of another family (also an `AvatarFormatError`)
        │   │   └── ModelSecurityError       its integrity check failed
        │   └── RuntimeNotReadyError   a runtime that has no model yet (also an `InvalidStateError`)
        ├── InvalidAvatar              the four refusals of the SDK's newer interface
        ├── NotSupported
        ├── NotAuthorised
        └── Failed

`BitHumanException` is what livekit-plugins-bithuman raises, the rest what the SDK does; code that catches them from
there catches these with the import changed. The SDK itself is not imported.
"""

from __future__ import annotations

from ..errors import AvatarError, AvatarFormatError, AvatarNotFoundError, InvalidStateError

_DOCS = "https://docs.bithuman.ai/api-reference/errors"


class BitHumanException(AvatarError):
    """bitHuman's SDK or service refused or failed."""


class BithumanError(BitHumanException):
    """A refusal that carries bitHuman's code for it.

    Args:
        message: What is wrong, and what to do.
        code: bitHuman's; None: that of the class.

    Attributes:
        code: bitHuman's name for the error, such as "model_not_found".
    """

    code: str = "unknown"

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        if code is not None:
            self.code = code
        # not super(): the class beside it in a subclass, such as AvatarNotFoundError, takes other arguments
        Exception.__init__(self, f"[{self.code}] {message}".rstrip())

    @property
    def docs_url(self) -> str:
        """bitHuman's page on the code."""
        return f"{_DOCS}#{self.code}"

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[object, ...]:
        """Copies and pickles as it is: the message has its code already."""
        return _restored, (type(self), self.args, dict(self.__dict__))


class TokenError(BithumanError):
    """The account's secret or token cannot be used."""

    code = "token_error"
    exit_code = 77


class TokenExpiredError(TokenError):
    """The token's time is over."""

    code = "token_expired"


class TokenValidationError(TokenError):
    """The secret or the token is wrong."""

    code = "token_invalid"


class TokenRequestError(TokenError):
    """The service cannot be reached, or has no answer."""

    code = "token_request_failed"
    exit_code = 75


class AccountStatusError(TokenError):
    """The account may not do this now: its credit, its plan, or a suspension (402, 403)."""

    code = "account_status_invalid"


class ModelError(BithumanError):
    """The model cannot be used.

    Attributes:
        source: The model's path; empty if it is not known.
    """

    code = "model_error"
    exit_code = 65

    def __init__(self, message: str = "", *, code: str | None = None, source: str = "") -> None:
        super().__init__(message, code=code)
        self.source = source


class ModelNotFoundError(ModelError, AvatarNotFoundError):
    """No file at that path."""

    code = "model_not_found"
    exit_code = 66


class ModelLoadError(ModelError, AvatarFormatError):
    """A file that is truncated, out of date, of another model family, or no model at all."""

    code = "model_load_failed"


class ModelSecurityError(ModelError):
    """The model's integrity check failed."""

    code = "model_security_violation"
    exit_code = 77


class RuntimeNotReadyError(BithumanError, InvalidStateError):
    """The runtime has no model yet."""

    code = "runtime_not_ready"
    exit_code = 69


class InvalidAvatar(BitHumanException):
    """No avatar is found, or it is not usable."""

    exit_code = 66


class NotSupported(BitHumanException):
    """The avatar cannot run on this machine."""

    exit_code = 69


class NotAuthorised(BitHumanException):
    """The secret is missing or wrong, or the account is out of credit."""

    exit_code = 77


class Failed(BitHumanException):
    """It did not work, and may work later."""


def _restored(kind: type[BithumanError], args: tuple[object, ...], state: dict[str, object]) -> BithumanError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error
