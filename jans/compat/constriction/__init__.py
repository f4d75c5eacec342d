"""The Python interface of constriction 0.5.0: the same names, arguments, words and kinds of errors."""

from jans.compat.constriction import symbol as symbol
