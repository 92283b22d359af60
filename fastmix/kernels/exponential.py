"""exp and log that LLVM turns into vector code: selects and bit patterns, no call, no table, no branch.

Neither may be compiled with `sums=True`, nor be written into a kernel that is: reassociation would fold
the rounding constant away.
"""

import math

import numpy as np

from fastmix._numba import JIT, kernel

LOG2_E = 1.4426950408889634
# ln 2 in two parts: products of an exponent with the first are exact
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it leaves the nearest integer in the low bits
SMALLEST = -708.0  # exp below it is subnormal, and given as 0
# (exp(r) - 1 - r) / r**2 on |r| <= ln(2) / 2, Chebyshev fit; error of exp 1.3e-17
E0, E1, E2, E3 = 0.5, 0.16666666666666669, 0.041666666666624164, 0.008333333333330065
E4, E5, E6 = 0.001388888891719689, 0.00019841269863040675, 2.480152132210459e-05
E7, E8, E9 = 2.7557268480106926e-06, 2.762007600563138e-07, 2.5100375929185925e-08
# log((1 + s) / (1 - s)) = 2 s + 2 s**3 / 3 + 2 s**5 / 5 + ...
L1, L2, L3, L4, L5, L6, L7, L8, L9, L10 = (1.0 / i for i in range(3, 23, 2))
MANTISSA, HALF = 0x000FFFFFFFFFFFFF, 0x3FE0000000000000
SQRT_HALF = 0.7071067811865476


def exp(x):
    """exp(x) for x <= 709 within 2 ulp; 0 below -708, NaN stays NaN."""
    clamped = SMALLEST if x < SMALLEST else x
    shifted = clamped * LOG2_E + ROUND
    n = shifted - ROUND
    r = (clamped - n * LN2_HIGH) - n * LN2_LOW
    p = E8 + r * E9
    p = p * r + E7
    p = p * r + E6
    p = p * r + E5
    p = p * r + E4
    p = p * r + E3
    p = p * r + E2
    p = p * r + E1
    p = p * r + E0
    y = p * (r * r) + (r + 1.0)
    power = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
    return 0.0 if x < SMALLEST else y * power


def log(x):
    """log(x) for normal positive x within 2 ulp."""
    bits = np.float64(x).view(np.int64)
    m = np.int64((bits & MANTISSA) | HALF).view(np.float64)  # in [0.5, 1)
    e = np.float64((bits >> 52) - 1022)
    small = m < SQRT_HALF
    m = m + m if small else m
    e = e - 1.0 if small else e
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = L9 + z * L10
    p = p * z + L8
    p = p * z + L7
    p = p * z + L6
    p = p * z + L5
    p = p * z + L4
    p = p * z + L3
    p = p * z + L2
    p = p * z + L1
    twice = s + s
    return e * LN2_HIGH + (twice + (twice * (z * p) + e * LN2_LOW))


if JIT:
    exp, log = kernel(exp), kernel(log, inline=True)
else:  # the bit patterns above would be NumPy scalars, whose overflow warns

    def exp(x):
        """exp(x), 0 below -708."""
        return 0.0 if x < SMALLEST else math.exp(x)

    log = math.log
