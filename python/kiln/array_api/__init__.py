"""The functions of the Array API standard, 2024.12, for ``kiln.Tensor``.

Libraries find this module by ``x.__array_namespace__()``. It has the standard's names and arguments; `kiln` itself has
those of PyTorch. What the standard has besides, and why it is not here:

- complex numbers (``complex64``, ``conj``, ``imag``, ``real``, the module ``fft``): Kiln has no complex dtypes;
- ``nonzero``, ``unique_*`` and masks that select: there the values decide on the shape, which is read from the elements
  (``x[mask]`` does so all the same);
- ``searchsorted``, ``nextafter``, shifts of bits, the module ``linalg``: Kiln has no kernels for them yet;
- writing to elements (``x[0] = 1``): tensors are values.

Where Kiln computes in other dtypes than NumPy, the standard leaves it open: floats are float32 by default.
"""

import math as _math

from ._creation import *
from ._dtypes import *
from ._dtypes import __array_namespace_info__ as __array_namespace_info__
from ._elementwise import *
from ._manipulation import *
from ._reductions import *

__array_api_version__ = "2024.12"

e = _math.e
inf = _math.inf
nan = _math.nan
pi = _math.pi
newaxis = None
