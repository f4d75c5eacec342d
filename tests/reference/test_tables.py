"""Constants that stand in two places, and the tables that are written by a program."""

import ctypes
import itertools
import pathlib
import re

import cases
import pytest
from places import ROOT

from jans import status
from jans._variants import CHAIN, RANS
from jans.ffi import registry
from jans.reference import tables

CORE = ROOT / "csrc" / "core"


@pytest.mark.parametrize(
    "values", [tables.normal_values, tables.logistic_values, tables.exp2_values, tables.grid_values]
)
def test_no_value_is_near_a_rounding_boundary(values):
    # The last bits of a math library change a value by less than 1e-6 here, so all libraries round alike.
    for value in values():
        assert abs(abs(value - round(value)) - 0.5) > 1e-6


def test_the_header_is_what_the_generator_writes():
    assert (CORE / "tables.inc").read_text() == tables.header()


def test_log2e_is_rounded():
    assert tables.LOG2E30 == 1549082005


def test_tables_fall():
    for table in (tables.normal_table(), tables.logistic_table(), tables.exp2_table()):
        assert (table[:-1] >= table[1:]).all()
    assert (tables.normal_grid()[:-1] < tables.normal_grid()[1:]).all()


def test_status_bits_are_those_of_the_kernels():
    text = (CORE / "rans.h").read_text()
    bits = {name: int(value) for name, value in re.findall(r"k(\w+) = (\d+),", text)}
    assert bits == {
        "Overflow": status.OVERFLOW,
        "Underflow": status.UNDERFLOW,
        "BadSymbol": status.BAD_SYMBOL,
        "BadModel": status.BAD_MODEL,
        "BadState": status.BAD_STATE,
        "OutOfRemainders": status.OUT_OF_REMAINDERS,
        "BadData": status.BAD_DATA,
    }
    assert status.SENTENCES.keys() == set(bits.values())


class KernelVariant(ctypes.Structure):
    _fields_ = (
        ("coder", ctypes.c_char_p),
        ("number", ctypes.c_int32),
        ("state_bits", ctypes.c_int32),
        ("word_bits", ctypes.c_int32),
        ("lower_bits", ctypes.c_int32),
    )


@pytest.mark.skipif(not cases.KERNELS, reason="kernels are switched off, and then no library is opened")
def test_variants_are_those_of_the_kernels():
    library = ctypes.CDLL(str(pathlib.Path(registry.__file__).parent / registry.LIBRARIES["cpu"]))
    library.jans_variants.restype = ctypes.POINTER(KernelVariant)
    rows = itertools.takewhile(lambda row: row.coder, library.jans_variants())
    found = [(row.coder.decode(), row.number, row.state_bits, row.word_bits, row.lower_bits) for row in rows]
    rans = [("rans", v.number, v.state_bits, v.word_bits, v.lower_bits) for v in RANS.values()]
    # The range of a chain coder's heads depends on its precision; here that is the largest one.
    chain = [("chain", v.number, v.state_bits, v.word_bits, v.lower_bits(v.max_precision)) for v in CHAIN.values()]
    assert found == rans + chain
