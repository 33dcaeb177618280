"""Read arrays of numbers from a pickle, and nothing else.

Trained weights come from the package index as numpy arrays in a pickle. Of a pickle's power to call anything, only the
three names that an array consists of are left, and they stand for classes of this module: no code of numpy, or of any
other package, runs on what the file says. Anything else is an error.
"""

import io
import math
import pickle
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from artpipe.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DTYPE_CODES = frozenset({"f2", "f4", "f8"})
_BYTE_ORDERS = frozenset({"<", "|", "="})
_MAX_DEPTH = 8


class _RefusedError(Exception):
    """The file holds something else than arrays of numbers."""


class _DtypeStandIn:
    """Stand-in for a dtype."""

    __slots__ = ("code",)

    def __init__(self, code: object) -> None:
        if code not in _DTYPE_CODES:
            raise _RefusedError(f"an array of {code!r}, which is no kind of number that weights are")
        self.code = str(code)

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in _BYTE_ORDERS or any(state[2:5]):  # noqa: PLR2004
            raise _RefusedError("an array whose numbers lie in another order, or have fields")


class _ArrayStandIn:
    """Stand-in for an array, filled by its pickled state."""

    __slots__ = ("data", "kind", "shape")

    def __setstate__(self, state: object) -> None:
        match state:
            case (1, tuple(shape), _DtypeStandIn() as kind, False, bytes(data)) if all(
                type(side) is int for side in shape
            ):
                self.shape, self.kind, self.data = shape, kind.code, data
            case _:
                raise _RefusedError("an array that is not a plain block of numbers, row by row")

    def values(self) -> "NDArray[np.generic]":
        """Return the numbers.

        Raises:
            _RefusedError: they were never told, or are not as many as the shape says.
        """
        import numpy as np

        count = math.prod(getattr(self, "shape", (-1,)))
        if min(getattr(self, "shape", (-1,)), default=0) < 0 or len(self.data) != count * int(self.kind[1]):
            raise _RefusedError("an array of another size than it says")
        return np.frombuffer(self.data, f"<{self.kind}").reshape(self.shape)


class _CallableStandIn:
    """Stand-in for a name that the file may call; it cannot be changed."""

    __slots__ = ("_make",)
    _make: Callable[..., object]

    def __init__(self, make: Callable[..., object]) -> None:
        object.__setattr__(self, "_make", make)

    def __call__(self, *arguments: object) -> object:
        return self._make(*arguments)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise _RefusedError(f"a change of `{name}`")

    def __setstate__(self, state: object) -> NoReturn:
        raise _RefusedError("a change of a name")


def _refuse_call(*_: object) -> NoReturn:
    raise _RefusedError("a call of `ndarray`")


_NDARRAY = _CallableStandIn(_refuse_call)
_ALLOWED_NAMES: Mapping[tuple[str, str], _CallableStandIn] = {
    **{
        (f"numpy.{core}.multiarray", "_reconstruct"): _CallableStandIn(lambda *_: _ArrayStandIn())
        for core in ("core", "_core")
    },
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _CallableStandIn(lambda *arguments: _DtypeStandIn(arguments[0] if arguments else None)),
}


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler that finds the names in `_ALLOWED_NAMES` and no others."""

    def find_class(self, module: str, name: str) -> _CallableStandIn:
        try:
            return _ALLOWED_NAMES[module, name]
        except KeyError:
            raise _RefusedError(f"a call of `{module}.{name}`") from None

    def persistent_load(self, pid: object) -> NoReturn:
        raise _RefusedError(f"a reference to something outside, {pid!r}")


def read_arrays(data: bytes, place: str) -> dict[str, "NDArray[np.generic]"]:
    """Return the arrays of nested dicts in a pickle by their path.

    A path is such as ``VGG16_0/Conv_0/kernel``.

    Raises:
        UserError: it is damaged, or holds anything else than dicts with names, and arrays of numbers; the line says what.
    """
    try:
        return dict(_flatten(_ArrayUnpickler(io.BytesIO(data)).load(), ()))
    except _RefusedError as error:
        raise UserError(f"{place}: refused, it holds {error}; weights are arrays of numbers and nothing else") from None
    except Exception as error:  # noqa: BLE001 - a damaged pickle fails in every way there is
        raise UserError(f"{place}: not arrays in a pickle, or damaged: {type(error).__name__}") from None


def _flatten(value: Any, path: tuple[str, ...]) -> list[tuple[str, "NDArray[np.generic]"]]:
    if isinstance(value, _ArrayStandIn):
        return [("/".join(path), value.values())]
    if len(path) >= _MAX_DEPTH:
        raise _RefusedError(f"dicts in dicts deeper than {_MAX_DEPTH}")
    if type(value) is not dict or not all(type(key) is str for key in value):
        raise _RefusedError(f"a {type(value).__name__} at `{'/'.join(path)}`")
    return [array for key, item in value.items() for array in _flatten(item, (*path, key))]
