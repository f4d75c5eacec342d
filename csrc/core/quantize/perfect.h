// constriction's `perfect` rule: the frequencies that cost the fewest bits on average, found by trading single counts.
#ifndef JANS_CORE_QUANTIZE_PERFECT_H_
#define JANS_CORE_QUANTIZE_PERFECT_H_

#include "../elementary.h"
#include "quantize.h"

namespace jans {

// What one more count of a symbol would save, and what one less would cost, in nats a message:
//   win = p log(1 + 1/w),  loss = -p log(1 - 1/w).  A last count is not for sale.
constexpr double kNotForSale = 1.7976931348623157e308;

JANS_HD double Win(double prob, double freq) { return prob * Log1p(1.0 / freq); }
JANS_HD double Loss(double prob, double freq) { return freq < 2 ? kNotForSale : -prob * Log1p(-1.0 / freq); }

// A heap of offers; before(a, b) is a strict order and says which of two comes first.
struct Offer {
  double price;
  int64_t symbol;
};

template <typename Before>
class Offers {
 public:
  JANS_HD Offers(Offer* heap, const Before& before) : heap_(heap), before_(before) {}
  JANS_HD void Append(double price, int64_t symbol) { heap_[size_++] = {price, symbol}; }
  // After the last Append.
  JANS_HD void Sort() {
    for (int64_t i = size_ / 2 - 1; i >= 0; --i) Place(i, heap_[i]);
  }
  JANS_HD bool Empty() const { return size_ == 0; }
  JANS_HD Offer First() const { return heap_[0]; }
  JANS_HD void ReplaceFirst(double price) { Place(0, {price, heap_[0].symbol}); }
  JANS_HD void RemoveFirst() {
    if (--size_ > 0) Place(0, heap_[size_]);
  }

 private:
  JANS_HD void Place(int64_t at, Offer offer) {
    for (int64_t child; (child = 2 * at + 1) < size_; at = child) {
      if (child + 1 < size_ && before_(heap_[child + 1], heap_[child])) ++child;
      if (!before_(heap_[child], offer)) break;
      heap_[at] = heap_[child];
    }
    heap_[at] = offer;
  }

  Offer* heap_;
  int64_t size_ = 0;
  Before before_;
};

// join(...join(start, item(0))..., item(n - 1)) for a join that may be regrouped, as eight independent chains.
template <typename Item, typename Join>
JANS_HD double Fold(int64_t n, double start, const Item& item, const Join& join) {
  double part[8] = {start, start, start, start, start, start, start, start};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; ++j) part[j] = join(part[j], item(i + j));
  }
  for (; i < n; ++i) part[0] = join(part[0], item(i));
  for (int j = 1; j < 8; ++j) part[0] = join(part[0], part[j]);
  return part[0];
}

// With p_i scaled by a power of two, S their sum from left to right and s = (2^precision - n) / S, in doubles:
// 1. w_i = floor(p_i s) + 1. What is left of 2^precision goes, one each, to the symbols of the largest wins, of equal
//    ones to the first. If anything was left the symbols line up by these wins, else as they are.
// 2. While the largest win (of equal ones the last in line) exceeds the smallest loss (the first in line), the one buys
// a
//    count of the other. Who has bought never sells, and who has sold never buys.
//
// It ends: a seller keeps one count at least and never gets one back, so there are fewer than 2^precision trades. There
// are in fact two a symbol at most. A buyer has w_b > p_b s, and log(1 + 1/w) < 1/w < -log(1 - 1/w), so that a trade
// needs
//   1/s > p_b / w_b > p_b log(1 + 1/w_b) > -p_s log(1 - 1/w_s) > p_s / w_s:
// a seller has w_s > p_s s, of which there are two values up to floor(p_s s) + 2, where it began at most.
class PerfectRule {
 public:
  // Doubles that a row of n symbols takes.
  static constexpr int64_t Room(int64_t n) { return 9 * n; }

  JANS_HD PerfectRule(double* room, int64_t n)
      : prob_(room), freq_(room + n), win_(room + 2 * n), loss_(room + 3 * n), line_(room + 4 * n) {
    static_assert(sizeof(Offer) == 2 * sizeof(double), "an offer takes the room of two doubles");
    buyers_ = reinterpret_cast<Offer*>(room + 5 * n);
    sellers_ = reinterpret_cast<Offer*>(room + 7 * n);
  }

  template <typename Float>
  JANS_HD void Run(const Float* probs, const uint8_t* mask, int64_t n, int precision, uint32_t* cdf) {
    if (!Load(probs, mask, n)) return RefuseRow(n, cdf);
    const uint64_t total = uint64_t{1} << precision;
    if (!Guess(static_cast<double>(total))) {
      Divide(total);
      Trade();
    }
    uint64_t left = 0;
    for (int64_t i = 0, j = 0; i < n; ++i) {
      cdf[i] = static_cast<uint32_t>(left);
      if (Allowed(mask, i)) left += static_cast<uint64_t>(freq_[j++]);
    }
    cdf[n] = static_cast<uint32_t>(left);
  }

 private:
  // The probabilities that are not masked, as doubles of which the largest is in [2, 4). Those below 2^-950 count as
  // zero: no product with the others leaves the range of normal numbers, and they could never win a count. False where
  // there is no distribution.
  template <typename Float>
  JANS_HD bool Load(const Float* probs, const uint8_t* mask, int64_t n) {
    n_ = 0;
    if (mask == nullptr) {
      for (; n_ < n; ++n_) prob_[n_] = static_cast<double>(probs[n_]);
    } else {
      for (int64_t i = 0; i < n; ++i) {
        if (mask[i]) prob_[n_++] = static_cast<double>(probs[i]);
      }
    }
    constexpr double kNormal = Smallest<Float>();
    auto prob = [this](int64_t i) { return prob_[i]; };
    const double top = Fold(n_, 0.0, prob, Larger);
    if (!(top >= kNormal) || Fold(n_, 0.0, prob, Smaller) <= -kNormal) return false;
    const double factor = FromBits((uint64_t{2047} << 52) - (ToBits(top) & (uint64_t{2047} << 52)));
    const double least = FromBits(uint64_t{1023 - 950} << 52);
    for (int64_t i = 0; i < n_; ++i) {
      double p = prob_[i] < kNormal ? 0.0 : prob_[i];
      p *= factor;
      prob_[i] = p < least ? 0.0 : p;
    }
    // An infinity has become NaN, and one NaN is enough to make the sum one.
    approximate_sum_ = Fold(n_, 0.0, prob, Plus);
    return IsFinite(approximate_sum_);
  }

  // ---- The rule as it stands above ----

  JANS_HD void Divide(uint64_t total) {
    double sum = 0;
    for (int64_t i = 0; i < n_; ++i) sum += prob_[i];
    uint64_t left = total - n_;
    const double scale = static_cast<double>(left) / sum;
    for (int64_t i = 0; i < n_; ++i) {
      uint64_t whole = static_cast<uint64_t>(prob_[i] * scale);
      // Rounding can take more than there is, or leave more than n, only where n * 2^precision exceeds 2^53.
      whole = whole < left ? whole : left;
      freq_[i] = static_cast<double>(whole + 1);
      left -= whole;
    }
    for (; left > static_cast<uint64_t>(n_); left -= n_) {
      for (int64_t i = 0; i < n_; ++i) freq_[i] += 1;
    }
    for (int64_t i = 0; i < n_; ++i) line_[i] = left == 0 ? 0.0 : Win(prob_[i], freq_[i]);
    Offers wins(buyers_, [](const Offer& a, const Offer& b) {
      return a.price != b.price ? a.price > b.price : a.symbol < b.symbol;
    });
    if (left != 0) {
      for (int64_t i = 0; i < n_; ++i) wins.Append(line_[i], i);
      wins.Sort();
    }
    for (; left > 0; --left) {
      freq_[wins.First().symbol] += 1;
      wins.RemoveFirst();
    }
    for (int64_t i = 0; i < n_; ++i) {
      win_[i] = Win(prob_[i], freq_[i]);
      loss_[i] = Loss(prob_[i], freq_[i]);
    }
  }

  JANS_HD void Trade() {
    auto ahead = [line = line_](int64_t a, int64_t b) { return line[a] != line[b] ? line[a] > line[b] : a < b; };
    Offers buyers(buyers_, [ahead](const Offer& a, const Offer& b) {
      return a.price != b.price ? a.price > b.price : ahead(b.symbol, a.symbol);
    });
    Offers sellers(sellers_, [ahead](const Offer& a, const Offer& b) {
      return a.price != b.price ? a.price < b.price : ahead(a.symbol, b.symbol);
    });
    // The largest win only falls and the smallest loss only rises: nobody else will ever trade.
    const double most = MostWin(), least = LeastLoss();
    for (int64_t i = 0; i < n_; ++i) {
      if (win_[i] > least) buyers.Append(win_[i], i);
      if (loss_[i] < most) sellers.Append(loss_[i], i);
    }
    buyers.Sort();
    sellers.Sort();
    while (!buyers.Empty() && !sellers.Empty()) {
      const Offer buyer = buyers.First(), seller = sellers.First();
      if (win_[buyer.symbol] != buyer.price) {  // has sold
        buyers.RemoveFirst();
      } else if (loss_[seller.symbol] != seller.price) {  // has bought
        sellers.RemoveFirst();
      } else if (!(buyer.price > seller.price)) {
        return;
      } else {
        const int64_t b = buyer.symbol, s = seller.symbol;
        freq_[b] += 1;
        freq_[s] -= 1;
        win_[b] = Win(prob_[b], freq_[b]);
        loss_[s] = Loss(prob_[s], freq_[s]);
        loss_[b] = kNotForSale;
        win_[s] = -1;
        buyers.ReplaceFirst(win_[b]);
        sellers.ReplaceFirst(loss_[s]);
      }
    }
  }

  // ---- Optimization below: the same frequencies, nearly always, in a tenth of the time ----

  // Frequencies by rounding, corrected until no trade is left. False where they might differ from those of the rule.
  //
  // Whatever led to them: if they sum to 2^precision and every win is below every loss by more than rounding can
  // matter, they are what the rule ends with. For the rule ends with some w' where win_i(w'_i) <= loss_j(w'_j), but for
  // rounding, for all i and j. Were w' != w, there would be an i with w'_i < w_i and a j with w'_j > w_j, and as win(w)
  // = loss(w + 1) falls with w,
  //   win_i(w'_i) >= loss_i(w_i) > win_j(w_j) >= loss_j(w'_j).
  JANS_HD bool Guess(double total) {
    constexpr int kRefinements = 3, kCorrections = 32;
    constexpr double kMargin = 1.0 + 1.0 / (int64_t{1} << 40);
    auto round = [this](int64_t i, double scale) {
      constexpr double kUnits = 6755399441055744.0;  // 1.5 * 2^52: doubles near it are integers
      return Larger(prob_[i] * scale + kUnits - kUnits, 1.0);
    };
    double scale = (total - static_cast<double>(n_)) / approximate_sum_;
    for (int refinement = 0; refinement < kRefinements; ++refinement) {
      scale += (total - Fold(n_, 0.0, [&](int64_t i) { return round(i, scale); }, Plus)) / approximate_sum_;
    }
    for (int64_t i = 0; i < n_; ++i) freq_[i] = round(i, scale);
    SetPrices(0, n_);
    double held = Fold(n_, 0.0, [this](int64_t i) { return freq_[i]; }, Plus);
    for (int correction = 0; correction < kCorrections; ++correction) {
      const double most = MostWin(), least = LeastLoss();
      if (held == total && !(most > least)) return most * kMargin < least;
      const bool buys = held <= total, sells = held >= total;
      if (sells && least == kNotForSale) return false;
      if (buys) held += Change(win_, most, 1);
      if (sells) held += Change(loss_, least, -1);
    }
    return false;
  }

  // With y = 1/(2w + 1), win = 2 p atanh(y), and with y = 1/(2w - 1) that is the loss: p y times 2, 2/3, 2/5, ... as a
  // polynomial in y^2. What is left out is below 2^-42 of it.
  template <typename... Terms>
  JANS_HD void SetPricesWith(int64_t begin, int64_t end, Terms... terms) {
    for (int64_t i = begin; i < end; ++i) {
      const double above = 2 * freq_[i] + 1, below = 2 * freq_[i] - 1, reciprocal = 1.0 / (above * below);
      const double win = below * reciprocal, loss = above * reciprocal;
      win_[i] = prob_[i] * win * Horner(win * win, terms...);
      loss_[i] = prob_[i] * loss * Horner(loss * loss, terms...);
    }
    for (int64_t i = begin; i < end; ++i) loss_[i] = freq_[i] < 2 ? kNotForSale : loss_[i];
  }
  JANS_HD void SetPrices(int64_t begin, int64_t end) {
    const double least = Fold(end - begin, kNotForSale, [&](int64_t i) { return freq_[begin + i]; }, Smaller);
    if (least >= 64) return SetPricesWith(begin, end, 2.0, 2.0 / 3, 2.0 / 5);
    SetPricesWith(begin, end, 2.0, 2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19,
                  2.0 / 21, 2.0 / 23);
  }

  // Changes the frequency of the symbol of a price by a count, which it returns.
  JANS_HD double Change(const double* prices, double price, double count) {
    int64_t i = 0;
    while (prices[i] != price) ++i;
    freq_[i] += count;
    SetPrices(i, i + 1);
    return count;
  }

  JANS_HD double MostWin() const {
    return Fold(n_, 0.0, [this](int64_t i) { return win_[i]; }, Larger);
  }
  JANS_HD double LeastLoss() const {
    return Fold(n_, kNotForSale, [this](int64_t i) { return loss_[i]; }, Smaller);
  }
  JANS_HD static double Larger(double a, double b) { return a > b ? a : b; }
  JANS_HD static double Smaller(double a, double b) { return a < b ? a : b; }
  JANS_HD static double Plus(double a, double b) { return a + b; }

  int64_t n_ = 0;
  double approximate_sum_ = 0;  // of all prob_, in some order
  double *prob_, *freq_, *win_, *loss_, *line_;
  Offer *buyers_, *sellers_;
};

}  // namespace jans

#endif  // JANS_CORE_QUANTIZE_PERFECT_H_
