"""What every covariance type can do: the table of covariances.py holds one of these for each."""

from typing import Protocol

from numpy.random import RandomState

from fastmix.engine.results import Array, Floats, Indices, Wishart


class Covariance(Protocol):
    """What every type can do."""

    module: str  # of the kernels, with its passes
    precision_name: str  # in messages
    covariance_kind: str  # what covariances have to be
    untied: str | None  # where scikit-learn lacks the type: its type with k covariances

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        """Shape of the covariances, and of the precisions."""

    def scatter_shape(self, k: int, d: int) -> tuple[int, ...]:
        """Shape of the second moments that the kernels add up."""

    def moments(self, share: Floats, away: Floats) -> Floats:
        """These moments by NumPy, of rows away (k, n, d) from every origin that are shared out, (n, k)."""

    def n_parameters(self, k: int, d: int) -> int:
        """Free parameters of the covariances."""

    def work(self, k: int, d: int) -> float:
        """Floating-point operations of one EM pass, a row."""

    def change(self, counts: Floats, shift: Floats, offset: Floats) -> Floats:
        """What second moments about origin + shift + offset have more than those about origin.

        shift (k, d) leads to the exact mean of the rows, so the cross terms are those of shift alone.
        """

    def covariances(self, scatter: Floats, counts: Floats, reg_covar: float) -> Floats:
        """Covariances from second moments about the means, reg_covar added to the variances."""

    def scatter(self, covariances: Floats, counts: Floats, d: int) -> Floats:
        """Second moments about the means that give these covariances where reg_covar is 0."""

    def prior_shape(self, d: int) -> tuple[int, ...]:
        """Shape of what a Bayesian mixture believes of every component's covariance."""

    def posterior(
        self, covariances: Floats, counts: Floats, gap: Floats, prior: Wishart
    ) -> tuple[Floats, Floats]:
        """Expected covariances, and degrees of freedom (k,) or (), of the Wishart posterior.

        gap (k, d) leads from the prior's mean to those of the rows, times the square root of
        their joint mean precision: what it adds to the spread.
        """

    def sq_distances(self, factor: Floats, scatter: Floats) -> float:
        """Sum of squared Mahalanobis distances of the rows, from their second moments."""

    def widened(self, scatter: Floats, counts: Floats, c: int | None, amount: float) -> Floats:
        """Second moments of components of weights counts, the variances of c raised by amount."""

    def factor(self, covariances: Floats) -> Floats:
        """Whitening of the covariances; CollapseError where there is none."""

    def refuse_flat(self, covariances: Floats, least: Floats) -> None:
        """CollapseError where variances are not above `least` (k, d)."""

    def log_det(self, factor: Floats, k: int, d: int) -> Floats:
        """Log-determinant of the whitening of every component, (k,)."""

    def to_chol(self, factor: Floats) -> Floats:
        """`precisions_cholesky_` from a whitening."""

    def from_chol(self, chol: Floats) -> Floats:
        """Whitening from `precisions_cholesky_`."""

    def from_precisions(self, precisions: Floats) -> Floats:
        """Whitening from precisions; ValueError where they are none."""

    def refuse(self, covariances: Floats) -> None:
        """ValueError where numbers of the caller's have not even the form of covariances."""

    def whiten(self, factor: Floats, c: int, diff: Floats) -> Floats:
        """Rows (m, d) less the mean of component c, in its standard deviations."""

    def stretch(self, before: Floats, after: Floats) -> tuple[Floats, Floats]:
        """Least and greatest factor between whitened lengths of the same vector, (k,) or ()."""

    def precisions(self, factor: Floats) -> Floats:
        """Precisions of a whitening."""

    def invert(self, factor: Floats) -> Floats:
        """Covariances of a whitening."""

    def to_full(self, covariances: Floats, k: int, d: int) -> Floats:
        """Covariances as matrices, (k, d, d)."""

    def least_variance(self, covariances: Floats) -> float:
        """Smallest variance of any component in any direction."""

    def to_vector(self, covariances: Floats) -> Floats:
        """Free numbers that give covariances whatever they are: log-Cholesky, flat (p,)."""

    def from_vector(self, vector: Floats, k: int, d: int) -> Floats:
        """Covariances from their free numbers."""

    def marginal(self, covariances: Floats, dims: Indices) -> Floats:
        """Covariances of the features dims (m,) alone."""

    def conditional(
        self, covariances: Floats, known: Indices, rest: Indices, diff: Floats
    ) -> tuple[Floats, Floats]:
        """How far the means of the rest move, (k, len(rest)), and its covariances.

        diff (k, len(known)) is the known features' distance from the means.
        """

    def draw(self, random: RandomState, means: Array, covariances: Array, counts: Array) -> Array:
        """counts[c] random rows of every component c, (sum, d), in scikit-learn's order of draws."""
