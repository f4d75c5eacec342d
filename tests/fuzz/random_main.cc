// Random inputs for the fuzz target where libFuzzer is not at hand: seconds to run, then a seed.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
  std::mt19937_64 random(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  const auto begin = std::chrono::steady_clock::now();
  int64_t runs = 0;
  for (; std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < seconds; ++runs) {
    std::vector<uint8_t> input(random() % 4096);
    const uint64_t zeros = random() % 4;
    for (uint8_t& byte : input) byte = random() % 4 < zeros ? 0 : static_cast<uint8_t>(random());
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%lld random inputs, no fault\n", static_cast<long long>(runs));
  return 0;
}
