"""Tensors that train on any GPU, and share memory with NumPy, PyTorch and whatever speaks DLPack."""

from types import TracebackType as _TracebackType

from ._kiln import *
from ._kiln import __version__ as __version__
from ._kiln import set_grad_enabled as _set_grad_enabled

newaxis = None


class no_grad:
    """Ops in this context are not tracked: ``with kiln.no_grad(): ...``"""

    def __enter__(self) -> None:
        self._before = _set_grad_enabled(False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: _TracebackType | None
    ) -> None:
        _set_grad_enabled(self._before)
