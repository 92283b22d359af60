"""Models and files: save and load."""

import os
from collections.abc import Collection, Mapping
from typing import Any

from sklearn.base import BaseEstimator

from fastmix.saving import archive, headers, pickles
from fastmix.saving.archive import Held
from fastmix.saving.headers import LoadError, version_now
from fastmix.saving.kinds import Kind
from fastmix.saving.standardized import parts


class Saveable(BaseEstimator):
    """Base of the estimators that can be saved, and say what they consist of."""

    _saved: Mapping[str, Kind] = {}  # attributes that a file holds, lengths before what has them
    _needed: Mapping[str, Collection[str]] = {}  # by attribute; by "" those of every fitted one

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the estimator to a file, from which :func:`fastmix.load` makes it again.

        The file holds parameters and fitted attributes as JSON and arrays in NumPy's .npz format;
        loading it runs no code. It is replaced in one step: whatever happens meanwhile, the path names
        the old file or the new one, whole.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced.

        Raises
        ------
        ValueError
            If a file cannot hold all of the estimator: a callable or a RandomState as a parameter,
            callbacks, attributes that are not its own or do not fit together. Nothing is written.
        OSError
            If the file cannot be written. The old one, if any, is still there.

        Examples
        --------
        >>> import os, tempfile
        >>> import fastmix
        >>> model = fastmix.KMeans(2, init=[[0.0], [9.0]]).fit([[0.0], [1.0], [9.0]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.fastmix")
        ...     model.save(path)
        ...     again = fastmix.load(path)
        >>> again.cluster_centers_
        array([[0.5],
               [9. ]])
        """
        save(self, path)

    def __getstate__(self) -> Any:
        return {**super().__getstate__(), pickles.VERSION: version_now()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = {name: value for name, value in state.items() if name != pickles.VERSION}
        version, now = state.get(pickles.VERSION, "before 0.1.0"), version_now()
        if version != now:
            kept = pickles.of_another_version(type(self), kept, str(version), now)
        super().__setstate__(kept)


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model to a file, from which :func:`fastmix.load` makes it again.

    What the method ``save`` of every estimator does, for pipelines as well.

    Parameters
    ----------
    model : estimator of fastmix, or Pipeline
        A pipeline consists of a fitted :class:`sklearn.preprocessing.StandardScaler` and an estimator of
        fastmix. It predicts from rows as they are; k-means among standardised rows has no centers from
        which one could do without the scaler.
    path : str or path-like
        Where to; a file that is there is replaced.

    Raises
    ------
    ValueError
        If a file cannot hold all of the model. Nothing is written.
    OSError
        If the file cannot be written. The old one, if any, is still there.

    Examples
    --------
    >>> import os, tempfile
    >>> import fastmix
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> rows = [[0.0, 100.0], [1.0, 900.0], [9.0, 200.0], [8.0, 800.0]]
    >>> model = make_pipeline(StandardScaler(), fastmix.KMeans(2, random_state=1)).fit(rows)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.fastmix")
    ...     fastmix.save(model, path)
    ...     again = fastmix.load(path)
    >>> bool((again.predict(rows) == model.predict(rows)).all())
    True
    """
    name = type(model).__name__
    try:
        scaler, estimator = parts(model) if hasattr(model, "steps") else (None, model)
        name = type(estimator).__name__
        if type(estimator) is not headers.class_named(name):
            raise ValueError(f"it is not the {name} of fastmix")
        header, arrays = headers.written(estimator, scaler)
        headers.read(header, Held(arrays))  # what could not be loaded is not saved
        text = archive.as_json(header)
    except ValueError as error:
        raise ValueError(
            f"{name} cannot be saved: {error}. Pickle or joblib keep an estimator as it is."
        ) from None
    archive.write(path, text, arrays)


def load(path: str | os.PathLike[str]) -> Any:
    """The model that was saved to a file by the method ``save`` of an estimator, or by :func:`fastmix.save`.

    Nothing in the file is run, and all of it is checked before any of it is used: a file from a
    stranger can give a wrong model, but nothing else.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    model : KMeans, MiniBatchKMeans, BisectingKMeans, GaussianMixture, BayesianGaussianMixture or Pipeline
        With all parameters and fitted attributes. It predicts, scores and is fitted further as the
        saved one, to the last bit. Parameters that were given as lists are arrays now. Where the
        estimator was saved behind a StandardScaler, a Pipeline of the two.

    Raises
    ------
    fastmix.saving.LoadError
        A ValueError: if the file is damaged, not one of fastmix, or of a later release.
    OSError
        If there is no such file, or it cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import fastmix
    >>> model = fastmix.GaussianMixture(random_state=0).fit([[0.0], [1.0], [5.0]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.fastmix")
    ...     model.save(path)
    ...     again = fastmix.load(path)
    >>> again.means_
    array([[2.]])
    """
    with open(os.fsdecode(path), "rb") as file:
        try:
            with archive.opened(file) as filed:
                return headers.model(filed)
        except MemoryError:
            raise
        except Exception as error:  # a damaged file can make zipfile, json and NumPy raise any
            reason = f"the part {error} is missing" if isinstance(error, KeyError) else error
            raise LoadError(
                f"{os.fsdecode(path)!r} cannot be loaded: {reason}. It is damaged, or was not "
                f"written by save() of fastmix {version_now()} or earlier."
            ) from error
