"""Thin-plate splines: a smooth map of the plane that takes some points where they must go."""

from __future__ import annotations

import numpy as np

from .landmarks import Points


class ThinPlate:
    """values(x) = affine(x) + sum of w_k r^2 log r (Bookstein, PAMI 11, 1989)."""

    def __init__(self, points: Points, values: Points, smoothing: float = 1e-4) -> None:
        """Fit.

        Args:
            points: (n, 2), no two alike unless smoothed.
            values: (n, m).
            smoothing: 0 goes through the values; more gives way to noise in them.
        """
        self._scale = float(np.ptp(points, axis=0).max())
        self._centre = points.mean(axis=0)
        self._points = (points - self._centre) / self._scale
        count = len(points)
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = _kernel(self._points, self._points) + smoothing * np.eye(count)
        affine = np.column_stack([np.ones(count), self._points])
        system[:count, count:] = affine
        system[count:, :count] = affine.T
        wanted = np.zeros((count + 3, values.shape[1]))
        wanted[:count] = values
        self._weights = np.linalg.solve(system, wanted)

    def __call__(self, points: Points) -> Points:
        """Values at (n, 2) points, (n, m)."""
        local = (points - self._centre) / self._scale
        bent = _kernel(local, self._points) @ self._weights[:-3]
        return np.asarray(bent + np.column_stack([np.ones(len(local)), local]) @ self._weights[-3:])


def _kernel(one: Points, other: Points) -> Points:
    squared = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None] - 2 * one @ other.T
    squared = np.maximum(squared, 1e-12)
    return np.asarray(0.5 * squared * np.log(squared))
