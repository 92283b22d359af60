"""Fewer EM steps to the same end: which parameters the loop tries next.

A stepper is asked before every pass. It gives the parameters of the last EM step back, or others
further along: a leap, which the loop takes back where the likelihood falls.
"""

from collections.abc import Callable

import numpy as np

from fastmix.engine.likelihood import Likelihood, log_const
from fastmix.engine.results import Floats, Parameters

Stepper = Callable[[Parameters], Parameters]


def plainly(parameters: Parameters) -> Parameters:
    """Go on from the last EM step."""
    return parameters


class Squarem:
    """Squared extrapolation: after every two EM steps, leap along the path they took.

    From theta0, theta1 = F(theta0) and theta2 = F(theta1), with r = theta1 - theta0 and
    v = theta2 - theta1 - r, the leap is theta0 - 2 a r + a^2 v, a = -|r| / |v|: scheme S3 of
    Varadhan & Roland 2008, equations 6 to 8, doi:10.1111/j.1467-9469.2007.00585.x. It goes nowhere
    but theta2 at a = -1, and a above -1 would fall short of it.

    theta is made of log weights, means and the log-Cholesky factors of the covariances, in units in
    which components have standard deviation 1 in the geometric mean: the unit of X does not matter.
    """

    def __init__(self, model: Likelihood) -> None:
        self._model = model
        self._path: list[Parameters] = []

    def __call__(self, parameters: Parameters) -> Parameters:
        """Give the parameters back, or every third time a leap beyond them."""
        self._path.append(parameters)
        if len(self._path) < 3:
            return parameters
        try:
            with np.errstate(all="ignore"):  # what is not finite is no leap
                leap = self._leap(*self._path)
        except ValueError:
            leap = None
        self._path = [] if leap else [parameters]
        return leap or parameters

    def _leap(self, *path: Parameters) -> Parameters | None:
        """Where two steps lead if one goes on like this; None or ValueError where that is nowhere."""
        k, d = path[0].means.shape
        unit = float(np.exp(-self._model.covariance.log_det(path[0].factor, k, d).mean() / d))
        first, second, third = (self._vector(each, unit) for each in path)
        r = second - first
        v = third - second - r
        ratio = float(np.linalg.norm(r) / np.linalg.norm(v))
        if not 1.0 < ratio < np.inf:
            return None
        return self._mixture(first + 2.0 * ratio * r + ratio**2 * v, unit, k, d)

    def _vector(self, parameters: Parameters, unit: float) -> Floats:
        weights, means, covariances = parameters[:3]
        free = self._model.covariance.to_vector(covariances / unit**2)
        return np.concatenate([np.log(weights), (means / unit).ravel(), free])

    def _mixture(self, vector: Floats, unit: float, k: int, d: int) -> Parameters | None:
        covariance = self._model.covariance
        log_weights, means, free = np.split(vector, [k, k + k * d])
        weights = np.exp(log_weights - log_weights.max())
        weights /= weights.sum()
        means = means.reshape(k, d) * unit
        covariances = covariance.from_vector(free, k, d) * unit**2
        # A component of weight 0 never comes back, and below reg_covar the next step would fall.
        least = (1.0 - 1e-12) * self._model.reg_covar
        if not (
            np.all(weights > 0.0)
            and np.isfinite(means).all()
            and np.isfinite(covariances).all()
            and covariance.least_variance(covariances) >= least
        ):
            return None
        factor = covariance.factor(covariances)
        constant = log_const(weights, covariance.log_det(factor, k, d), d)
        return Parameters(weights, means, covariances, factor, constant)


ACCELERATIONS: dict[str | None, Callable[[Likelihood], Stepper]] = {
    None: lambda model: plainly,
    "squarem": Squarem,
}
