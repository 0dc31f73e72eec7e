"""Writes numpy.npz: one array of every dtype and layout that NumPy's format knows and Kiln reads."""

import numpy as np

values = np.arange(6).reshape(2, 3)
arrays = {}
for code in ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]:
    for order, name in [("<", "little"), (">", "big")]:
        arrays[f"{np.dtype(code).name}_{name}"] = values.astype(order + code)
arrays["fortran"] = np.asfortranarray(values.astype("<i4"))
arrays["fortran_3d"] = np.asfortranarray(np.arange(24, dtype=">i2").reshape(2, 3, 4))
arrays["scalar"] = np.float32(2.5)
arrays["empty"] = np.zeros((0, 3), "<f4")
np.savez_compressed("numpy.npz", **arrays)
