"""Choosing the number of components, against scikit-learn's loop over BIC."""
