"""Compiled functions on arrays: no estimator, no option, no Python object comes below this line."""
