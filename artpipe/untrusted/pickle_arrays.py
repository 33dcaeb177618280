"""Arrays of numbers out of a pickle, and nothing else: the one place where such a file is read, and why it may be.

Trained weights come from the package index as numpy arrays in a pickle. Of a pickle's power to call anything, only the
three names that an array consists of are left, and they stand for records of ours: no code of numpy, or of anyone, runs
on what the file says. All else ends the reading.
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

_KINDS = frozenset({"f2", "f4", "f8"})
_ORDERS = frozenset({"<", "|", "="})
_DEEPEST = 8


class _RefusedError(Exception):
    """What the file says is not an array of numbers."""


class _Kind:
    """Stands for a dtype."""

    __slots__ = ("code",)

    def __init__(self, code: object) -> None:
        if code not in _KINDS:
            raise _RefusedError(f"an array of {code!r}, which is no kind of number that weights are")
        self.code = str(code)

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in _ORDERS or any(state[2:5]):  # noqa: PLR2004
            raise _RefusedError("an array whose numbers lie in another order, or have fields")


class _Array:
    """Stands for an array until its state says what is in it."""

    __slots__ = ("data", "kind", "shape")

    def __setstate__(self, state: object) -> None:
        match state:
            case (1, tuple(shape), _Kind() as kind, False, bytes(data)) if all(type(side) is int for side in shape):
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


class _Name:
    """Stands for a name that the file may call; it has nothing that could be changed."""

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


def _no_call(*_: object) -> NoReturn:
    raise _RefusedError("a call of `ndarray`")


_ARRAY = _Name(_no_call)
_KNOWN: Mapping[tuple[str, str], _Name] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Name(lambda *_: _Array()) for core in ("core", "_core")},
    ("numpy", "ndarray"): _ARRAY,
    ("numpy", "dtype"): _Name(lambda *arguments: _Kind(arguments[0] if arguments else None)),
}


class _Reader(pickle.Unpickler):
    """Knows the names in `_KNOWN`, and none besides."""

    def find_class(self, module: str, name: str) -> _Name:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise _RefusedError(f"a call of `{module}.{name}`") from None

    def persistent_load(self, pid: object) -> NoReturn:
        raise _RefusedError(f"a reference to something outside, {pid!r}")


def read_arrays(data: bytes, place: str) -> dict[str, "NDArray[np.generic]"]:
    """Return the arrays of nested dicts in a pickle by their path, such as ``VGG16_0/Conv_0/kernel``.

    Raises:
        UserError: it is damaged, or holds anything else than dicts with names, and arrays of numbers; the line says what.
    """
    try:
        return dict(_flat(_Reader(io.BytesIO(data)).load(), ()))
    except _RefusedError as error:
        raise UserError(f"{place}: refused, it holds {error}; weights are arrays of numbers and nothing else") from None
    except Exception as error:  # noqa: BLE001 - a damaged pickle fails in every way there is
        raise UserError(f"{place}: not arrays in a pickle, or damaged: {type(error).__name__}") from None


def _flat(value: Any, path: tuple[str, ...]) -> list[tuple[str, "NDArray[np.generic]"]]:
    if isinstance(value, _Array):
        return [("/".join(path), value.values())]
    if len(path) >= _DEEPEST:
        raise _RefusedError(f"dicts in dicts deeper than {_DEEPEST}")
    if type(value) is not dict or not all(type(key) is str for key in value):
        raise _RefusedError(f"a {type(value).__name__} at `{'/'.join(path)}`")
    return [found for key, item in value.items() for found in _flat(item, (*path, key))]
