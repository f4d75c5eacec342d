"""Compresses a photograph with three models and decodes it: `python -m jans`."""

import bz2
import lzma
import pathlib
import platform
import time
import zlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import jans
from jans.ffi import registry

PHOTOGRAPH = pathlib.Path(__file__).parent / "photograph.npy"
"""uint8 [128, 128]; in the public domain (CC0), by Lav Varshney."""


def near_the_left(left: jax.Array, *_: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The location and the scale of a pixel from the pixels around it that came before: that on the left, and one
    scale."""
    return left, jnp.full_like(left, 6)


def between(left: jax.Array, above: jax.Array, corner: jax.Array, *_: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A plane through three pixels, but not beyond the two next to this one."""
    plane = left + above - corner
    return jnp.clip(plane, jnp.minimum(left, above), jnp.maximum(left, above)), jnp.full_like(left, 4)


def between_with_width(
    left: jax.Array, above: jax.Array, corner: jax.Array, right: jax.Array, second: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """As `between`, with a large scale where the pixels around differ much."""
    differences = abs(left - corner) + abs(above - corner) + abs(above - right) + abs(left - second)
    return between(left, above, corner)[0], 0.25 + differences / 8


def codec(predict: Callable[..., tuple[jax.Array, jax.Array]], width: int, n: int) -> jans.Codec:
    """Codes n pixels row by row, each with a model that the pixels before it predict."""

    def step(recent, pixel):
        recent = jnp.append(recent[1:], pixel.astype(jnp.float32))
        around = recent[-1], recent[-width], recent[-width - 1], recent[-width + 1], recent[-2]
        return recent, predict(*around)

    def model(parameters):
        location, scale = parameters
        return jans.rans.codec(jans.models.FixedPointLogistic(location, scale, low=0, high=255), dtype=jnp.uint8)

    return jans.autoregressive(step, model, start=jnp.full(width + 1, 128.0), first=jnp.uint8(128), n=n)


def jans_bytes(photograph: np.ndarray, predict: Callable[..., tuple[jax.Array, jax.Array]]) -> tuple[int, float, float]:
    """The number of bytes, and the seconds that coding takes in both directions once the programs are compiled."""
    pixels = jnp.asarray(photograph).reshape(-1)
    made = codec(predict, photograph.shape[1], pixels.size)
    push, pop = jax.jit(made.push), jax.jit(made.pop)
    for _ in range(2):
        begin = time.perf_counter()
        data = jans.to_bytes(push(jans.rans.init(capacity=pixels.size), pixels))
        encoded = time.perf_counter()
        _, decoded = jax.block_until_ready(pop(jans.from_bytes(data)))
        end = time.perf_counter()
    if not (decoded == pixels).all():
        raise AssertionError("the decoded photograph is another one.")
    return len(data), encoded - begin, end - encoded


def main() -> None:
    """Prints what runs where, and how many bytes the photograph takes."""
    kernels = ", ".join(f"{count} kernels on the {name.upper()}" for name, count in jans.devices().items())
    print(f"jans {jans.__version__}, jax {jax.__version__}, Python {platform.python_version()}")
    print(f"{kernels}, with {registry.simd()} registers\n")
    photograph = np.load(PHOTOGRAPH)
    raw = photograph.tobytes()
    high, wide = photograph.shape
    print(f"A photograph of {high} x {wide} pixels, {len(raw)} bytes      bytes  bits a pixel  encode and decode")

    def show(name: str, count: int, spent: str = "") -> None:
        print(f"{name:50}{count:7}{8 * count / len(raw):14.2f}  {spent}", flush=True)

    for name, compress in (("zlib", zlib.compress), ("bz2", bz2.compress), ("lzma", lzma.compress)):
        show(name, len(compress(raw)))
    for name, predict in (
        ("jans: like the pixel on the left", near_the_left),
        ("jans: between the pixels on the left and above", between),
        ("jans: and as certain as the pixels around agree", between_with_width),
    ):
        count, encoding, decoding = jans_bytes(photograph, predict)
        show(name, count, f"{1e3 * encoding:.0f} + {1e3 * decoding:.0f} ms")
    print(END)


END = """
Every message was decoded and compared. The coder is the same in all three: a better model makes fewer bits.
The program is jans/__main__.py. Read on in the documentation: README.md, and docs/tutorial.md from the beginning."""

if __name__ == "__main__":
    main()
