// The variants of the coders: the one table of their numbers, which jans/_variants.py repeats for Python.
#ifndef JANS_CORE_CODERS_VARIANTS_H_
#define JANS_CORE_CODERS_VARIANTS_H_

#include "../rans.h"
#include "chain.h"

// X(number, type)
#define JANS_RANS_VARIANTS(X) X(0, Rans64) X(1, Rans64Ryg) X(2, Rans32_16) X(3, Rans32)
#define JANS_CHAIN_VARIANTS(X) X(0, Chain64) X(1, Chain32_16)

#endif  // JANS_CORE_CODERS_VARIANTS_H_
