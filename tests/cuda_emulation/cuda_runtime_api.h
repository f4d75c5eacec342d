// The host's part of the runtime is the same header here.
#include "cuda_runtime.h"
