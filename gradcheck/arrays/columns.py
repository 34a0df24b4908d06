"""Values of several elements at once: frozen dataclasses of arrays whose last axis runs over the elements."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from gradcheck.arrays.types import Array


@dataclass(frozen=True)
class Columns:
    """Base of such a dataclass; every field is an array […, U]."""

    def _each(self) -> dict[str, Array]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def take(self, chosen: Array | slice) -> Self:
        """The elements at `chosen`: indices or a mask over U."""
        return type(self)(**{name: array[..., chosen] for name, array in self._each().items()})

    def put(self, places: Array, other: Self) -> Self:
        """A copy in which the elements at `places` are those of `other`, in their order."""
        columns: dict[str, Any] = {}
        for (name, array), new in zip(self._each().items(), other._each().values(), strict=True):
            columns[name] = array.copy()
            columns[name][..., places] = new
        return type(self)(**columns)

    def where(self, chosen: Array, other: Self) -> Self:
        """The elements of `other` where `chosen` [U] is true, these elsewhere."""
        pairs = zip(self._each().items(), other._each().values(), strict=True)
        return type(self)(**{name: np.where(chosen, new, array) for (name, array), new in pairs})

    def write(self, where: Array | tuple[Any, ...], other: Self, shape: tuple[int, ...]) -> None:
        """Overwrite elements in place, in arrays that this value alone holds.

        `where` are flat indices, or slices of a tensor of `shape` that the elements make up.
        """
        for (_, array), new in zip(self._each().items(), other._each().values(), strict=True):
            if isinstance(where, np.ndarray):
                array[..., where] = new
            else:
                view = array.reshape((*array.shape[:-1], *shape))[..., *where]
                view[...] = new.reshape(view.shape)

    def read_only(self) -> Self:
        """The same value in arrays that nobody can write to."""
        views = {name: array.view() for name, array in self._each().items()}
        for view in views.values():
            view.setflags(write=False)
        return type(self)(**views)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The elements of all parts, in order."""
        columns = zip(*(part._each().values() for part in parts), strict=True)
        return cls(*(np.concatenate(column, axis=-1) for column in columns))
