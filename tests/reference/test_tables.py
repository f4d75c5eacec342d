"""Constants that stand in two places, and the tables that are written by a program."""

import re

import pytest
from places import ROOT

from jans import status
from jans._variants import RANS
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


def test_variants_are_those_of_the_kernels():
    text = (CORE / "rans.h").read_text()
    found = re.findall(r"using (\w+) = Variant<uint(\d+)_t, uint(\d+)_t, (\d+)>", text)
    assert [tuple(map(int, sizes)) for _, *sizes in found] == [
        (v.state_bits, v.word_bits, v.lower_bits) for v in RANS.values()
    ]
    assert [v.number for v in RANS.values()] == [0, 1, 2, 3]
