"""Counts instructions per symbol of fixed kernels with valgrind,
and compares them with a record: `make bench`.

Counts depend on the compiler, but not on what else a machine does. A record of another compiler is not
compared. Valgrind supports AVX2 but not AVX-512, so these are the loops for AVX2. `--update` writes the
record.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
RECORD = HERE / "results" / "instructions.json"
SLACK = 0.02


def counts(folder: pathlib.Path) -> dict[str, float]:
    """Instructions per symbol of each kernel."""
    program = folder / "instructions"
    flags = ["-std=c++17", "-O3", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["g++", *flags, HERE / "instructions.cc", "-o", program], check=True)
    found = {}
    names = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    for number, line in enumerate(names):
        symbols, name = line.split(" ", 1)
        tool = ["valgrind", "--tool=callgrind", "--toggle-collect=Measured", f"--callgrind-out-file={folder}/out"]
        run = subprocess.run([*tool, program, str(number)], check=False, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{name}: {run.stderr}")
        collected = re.search(r"Collected : (\d+)", run.stderr)
        assert collected is not None, run.stderr
        assert int(collected[1]) > 0, name
        found[name] = round(int(collected[1]) / int(symbols), 3)
        print(f"{found[name]:8.2f}  {name}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the record")
    args = parser.parse_args()
    if shutil.which("valgrind") is None or shutil.which("g++") is None:
        print("Instructions are not counted: that needs g++ and valgrind.")
        return
    compiler = subprocess.run(["g++", "-dumpfullversion"], check=True, capture_output=True, text=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        found = counts(pathlib.Path(folder))
    if args.update:
        RECORD.write_text(json.dumps({"compiler": f"g++ {compiler}", "instructions": found}, indent=2) + "\n")
        return
    record = json.loads(RECORD.read_text())
    if record["compiler"] != f"g++ {compiler}":
        print(f"The record is of {record['compiler']}, this is g++ {compiler}: not compared.")
        return
    worse = {name: (record["instructions"].get(name), count) for name, count in found.items()}
    worse = {name: pair for name, pair in worse.items() if pair[0] is None or pair[1] > pair[0] * (1 + SLACK)}
    if worse:
        sys.exit(
            "More instructions than on record:\n" + "\n".join(f"{name}: {a} -> {b}" for name, (a, b) in worse.items())
        )


if __name__ == "__main__":
    main()
