"""Gaussian mixtures behind scikit-learn's API."""

from fastmix.mixture.bayesian import BayesianGaussianMixture
from fastmix.mixture.gaussian import GaussianMixture

__all__ = ["BayesianGaussianMixture", "GaussianMixture"]
