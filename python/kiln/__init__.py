"""Tensors that train on any GPU, and share memory with NumPy, PyTorch and whatever speaks DLPack."""

from types import TracebackType

from . import _kiln
from ._kiln import *  # noqa: F403
from ._kiln import __version__, is_grad_enabled, set_grad_enabled


class no_grad:
    """Ops in this context are not tracked: ``with kiln.no_grad(): ...``"""

    def __enter__(self) -> None:
        self._before = set_grad_enabled(False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        set_grad_enabled(self._before)


newaxis = None

__all__ = ["__version__", "newaxis", "no_grad"]
__all__ += [name for name in dir(_kiln) if not name.startswith("_")]
