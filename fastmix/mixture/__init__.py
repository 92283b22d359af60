"""Gaussian mixtures behind scikit-learn's API."""

from fastmix.mixture.bayesian import BayesianGaussianMixture
from fastmix.mixture.gaussian import GaussianMixture
from fastmix.mixture.minibatch import MiniBatchGaussianMixture

__all__ = ["BayesianGaussianMixture", "GaussianMixture", "MiniBatchGaussianMixture"]
