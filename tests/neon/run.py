"""The NEON loops on a machine without: golden messages, and random inputs against the plain loops, under qemu.

python tests/neon/run.py [--seconds SECONDS] [--compiler aarch64-linux-gnu-g++] [--emulator qemu-aarch64]
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent
FLAGS = ["-std=c++17", "-O1", "-static", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]


def golden() -> str:
    """A message in each line: variant, lanes, precision, and how many cumulative frequencies, symbols and words there
    are, each with these."""
    lines = []
    for message in json.loads((HERE.parent / "vectors" / "rans.json").read_text())["messages"]:
        width = 2 if message["variant"] == "rans32_16" else 4
        data = bytes.fromhex(message["words"])
        words = [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]
        fields = [message["variant"], message["lanes"], message["precision"]]
        for numbers in (message["cdf"], message["symbols"], words):
            fields += [len(numbers), *numbers]
        if message["variant"] != "rans32":
            lines.append(" ".join(map(str, fields)))
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--compiler", default="aarch64-linux-gnu-g++")
    parser.add_argument("--emulator", default="qemu-aarch64")
    args = parser.parse_args()
    fuzz = HERE.parent / "fuzz"
    with tempfile.TemporaryDirectory() as folder:
        programs = {
            "golden": [HERE / "golden.cc"],
            "random": [fuzz / "fuzz_coder.cc", fuzz / "random_main.cc"],
        }
        builds = [
            subprocess.Popen([args.compiler, *FLAGS, *sources, "-o", f"{folder}/{name}"])
            for name, sources in programs.items()
        ]
        failed = [build.args for build in builds if build.wait() != 0]
        if failed:
            raise SystemExit("The compiler failed.")
        subprocess.run([args.emulator, f"{folder}/golden"], input=golden(), text=True, check=True)
        subprocess.run([args.emulator, f"{folder}/random", str(args.seconds)], check=True)


if __name__ == "__main__":
    main()
