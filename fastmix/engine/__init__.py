"""Loops and choices in plain Python, between the estimators and the kernels."""
