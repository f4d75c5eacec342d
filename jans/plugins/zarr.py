"""The codec "jans.pack" of zarr 3: chunks as packed arrays."""

import asyncio
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from zarr.abc.codec import ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin
from zarr.abc.store import RangeByteRequest
from zarr.core.common import parse_named_configuration

import jans
from jans.archive import packing

NAME = "jans.pack"
_FRONT = 4096
"""So many bytes of a chunk are fetched first: the header, and often the head of the array."""


@dataclass(frozen=True)
class PackCodec(ArrayBytesCodecPartialDecodeMixin, ArrayBytesCodec):
    """Packs each chunk with `jans.pack`.

    Attributes:
        level: "fast" or "small".

    >>> import zarr
    >>> array = zarr.create_array({}, shape=(90, 100), dtype="f4", chunks=(30, 100), serializer=PackCodec("small"))
    >>> array[:] = np.arange(9000).reshape(90, 100)
    >>> float(array[31, 5])
    3105.0
    """

    is_fixed_size = False

    level: str = "fast"

    def __post_init__(self) -> None:
        if self.level not in packing.LEVELS:
            raise ValueError(f"level must be one of {', '.join(packing.LEVELS)}, got {self.level!r}.")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "PackCodec":
        """The codec of a metadata document."""
        _, configuration = parse_named_configuration(data, NAME, require_configuration=False)
        return cls(**(configuration or {}))

    def to_dict(self) -> dict[str, Any]:
        """What a metadata document says of the codec."""
        return {"name": NAME, "configuration": {"level": self.level}}

    def validate(self, *, shape: Any, dtype: Any, chunk_grid: Any) -> None:
        """Raises TypeError for a dtype that cannot be packed."""
        native = dtype.to_native_dtype()
        if native.newbyteorder("=") not in packing.DTYPES:
            raise TypeError(f"the codec {NAME} does not pack arrays of {native}.")

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """Not known in advance."""
        raise NotImplementedError

    async def _encode_single(self, chunk_array: Any, chunk_spec: Any) -> Any:
        # Some filters of numcodecs flatten a chunk, or return the bits of floats as integers.
        array = chunk_array.as_numpy_array().reshape(chunk_spec.shape)
        dtype = chunk_spec.dtype.to_native_dtype()
        if array.dtype != dtype and array.dtype.itemsize == dtype.itemsize:
            array = np.ascontiguousarray(array).view(dtype)
        packed = await asyncio.to_thread(jans.pack, array, self.level)
        return chunk_spec.prototype.buffer.from_bytes(packed)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        archive = jans.open(chunk_bytes.as_numpy_array(), limit=_size(chunk_spec))
        return await asyncio.to_thread(_read, archive, ..., chunk_spec)

    async def _decode_partial_single(self, byte_getter: Any, selection: Any, chunk_spec: Any) -> Any:
        source, fetched = packing.Parts(), 0

        async def fetch(place: int, length: int) -> bool:
            found = await byte_getter.get(chunk_spec.prototype, RangeByteRequest(place, place + length))
            if found is not None:
                source.add(place, found.as_numpy_array())
            return found is not None

        length = _FRONT
        while True:
            if not await fetch(0, length):
                return None
            try:
                archive = packing.Archive(source, _size(chunk_spec))
                break
            except packing.Missing as missing:
                place, more = missing.args
                length, fetched = place + more, length
                if length <= fetched:
                    raise jans.CodingError("a chunk is cut short.") from None
        places: list[tuple[int, int]] = []
        while places != (places := _leaf(archive, chunk_spec).places(selection)):
            await asyncio.gather(*(fetch(*place) for place in places))
        try:
            return await asyncio.to_thread(_read, archive, selection, chunk_spec)
        except packing.Missing:
            raise jans.CodingError("a chunk is cut short.") from None


def _size(chunk_spec: Any) -> int:
    return math.prod(chunk_spec.shape) * chunk_spec.dtype.to_native_dtype().itemsize


def _leaf(archive: jans.Archive, chunk_spec: Any) -> packing.Leaf:
    """The array of a chunk. Raises CodingError for bytes of something else."""
    dtype, leaf = chunk_spec.dtype.to_native_dtype(), archive.get("")
    if not isinstance(leaf, packing.Leaf) or (leaf.shape, leaf.dtype) != (chunk_spec.shape, dtype.newbyteorder("=")):
        raise jans.CodingError(f"a chunk is not an array of {dtype} {chunk_spec.shape}.")
    return leaf


def _read(archive: jans.Archive, selection: Any, chunk_spec: Any) -> Any:
    array = np.asarray(_leaf(archive, chunk_spec)[selection]).astype(chunk_spec.dtype.to_native_dtype(), copy=False)
    return chunk_spec.prototype.nd_buffer.from_numpy_array(array)
