"""What the kits say when something does not keep its promise."""

from __future__ import annotations


class BrokenPromise(AssertionError):
    """Something under test does not do what its contract says.

    Attributes:
        promise: What the contract says.
        found: What happened instead.
        remedy: What its author can do.
    """

    def __init__(self, promise: str, found: str, remedy: str) -> None:
        super().__init__(f"promise: {promise}\n  found: {found}\n  remedy: {remedy}")
        self.promise = promise
        self.found = found
        self.remedy = remedy


def keep(kept: bool, promise: str, found: str, remedy: str) -> None:
    """Nothing if a promise is kept.

    Raises:
        BrokenPromise: It is not.
    """
    if not kept:
        raise BrokenPromise(promise, found, remedy)
