"""The passes of mixtures over blocks."""

from typing import Any

import dask.array as da
import numpy as np

from fastmix.distributed.inputs import measured
from fastmix.distributed.kmeans import Labels
from fastmix.distributed.passes import Block
from fastmix.distributed.rows import BlockRows
from fastmix.engine import passes, predictions
from fastmix.engine.covariance import Covariance
from fastmix.engine.results import Array, Floats, MixtureTotals, Parameters
from fastmix.engine.totals import add


@passes.expect.register
def expect(
    rows: BlockRows, parameters: Parameters, covariance: Covariance, *skips: Any
) -> MixtureTotals:
    """E-step of all rows and totals for the M-step."""
    found: MixtureTotals = rows.added(_expect, add, parameters, covariance, counted=True)
    return found


def _expect(block: Block, parameters: Parameters, covariance: Covariance) -> MixtureTotals:
    return passes.expect(block.rows(), parameters, covariance)


@passes.tally.register
def tally(rows: BlockRows, labels: Any, origin: Floats, covariance: Covariance) -> MixtureTotals:
    """Totals about origin (k, d) for rows that belong to one component each."""
    which, beside, cuts = None, None, (rows.blocks.array.chunks[0],)
    if isinstance(labels, Labels):
        which = labels.centers
    elif isinstance(labels, np.ndarray) and labels.strides == (0,):
        which = labels[:1].copy()  # the same for all rows
    else:
        if hasattr(labels, "to_dask_array"):
            labels = labels.to_dask_array(lengths=True)
        given = measured(labels) if isinstance(labels, da.Array) else da.from_array(labels, cuts)
        if given.shape != (rows.n,) or given.dtype.kind not in "iu":
            raise ValueError(
                f"init_params gives an array of shape {given.shape} and dtype {given.dtype}. Of Dask it may hold "
                f"labels, whole numbers of shape ({rows.n},)."
            )
        beside = given.rechunk(cuts)
    found: MixtureTotals = rows.added(_tally, add, which, origin, covariance, beside=beside)
    return found


def _tally(
    block: Block, which: Array | None, origin: Floats, covariance: Covariance
) -> MixtureTotals:
    """`which` are centers (k, d), or one label (1,), or None where labels lie beside the rows."""
    labels: Any = block.beside
    if which is not None:
        near = which.ndim == 2
        labels = predictions.nearest(block.view(), which)[1] if near else which.repeat(len(block.X))
    k = len(origin)
    if labels.min() < 0 or labels.max() >= k:
        raise ValueError(
            f"init_params gives labels from {labels.min()} to {labels.max()}, but they have to be from 0 to {k - 1}."
        )
    return passes.tally(block.rows(), labels, origin, covariance)
