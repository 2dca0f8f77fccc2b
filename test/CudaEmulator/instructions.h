// What the kernels' prelude writes as PTX, in C++: conversions, matrix fragments, asynchronous copies. Layouts of fragments
// are those of the PTX manual ("Matrix Fragments for mma.m16n8k16", "ldmatrix").
#pragma once

static inline float half_bits_to_float(unsigned short h) {
  unsigned sign = (unsigned)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023;
  if (exponent == 31) return __uint_as_float(sign | 0x7f800000u | mantissa << 13);
  if (exponent == 0) { float v = std::ldexp((float)mantissa, -24); return sign ? -v : v; }
  return __uint_as_float(sign | (exponent + 112) << 23 | mantissa << 13);
}

static inline unsigned short float_to_half_bits(float f) {
  unsigned x = __float_as_uint(f), sign = x >> 16 & 0x8000;
  x &= 0x7fffffffu;
  if (x > 0x7f800000u) return (unsigned short)(sign | 0x7fff);
  if (x >= 0x477ff000u) return (unsigned short)(sign | 0x7c00);          // rounds to infinity
  if (x < 0x38800000u) {                                                 // subnormal: the addition rounds to nearest even
    float y = __uint_as_float(x) + 0.5f;
    return (unsigned short)(sign | (__float_as_uint(y) - 0x3f000000u));
  }
  return (unsigned short)(sign | ((x + 0xfffu + (x >> 13 & 1) - 0x38000000u) >> 13));
}

static inline unsigned short float_to_bf16_bits(float f) {
  unsigned x = __float_as_uint(f);
  if ((x & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return (unsigned short)((x + 0x7fffu + (x >> 16 & 1)) >> 16);
}

static inline unsigned pack_bf16(float low, float high) { return float_to_bf16_bits(low) | (unsigned)float_to_bf16_bits(high) << 16; }
static inline unsigned pack_f16(float low, float high) { return float_to_half_bits(low) | (unsigned)float_to_half_bits(high) << 16; }

namespace emu {
struct Fragments { unsigned a[4], b[2]; };
static inline float bf16_of(unsigned word, int high) { return __uint_as_float(high ? word & 0xffff0000u : word << 16); }
static inline float f16_of(unsigned word, int high) { return half_bits_to_float((unsigned short)(high ? word >> 16 : word)); }

template <float (*Value)(unsigned, int)> static inline void mma_16816(float* d, const unsigned* a, const unsigned* b, unsigned kind) {
  Fragments mine = { { a[0], a[1], a[2], a[3] }, { b[0], b[1] } };
  const Fiber* warp = exchange(0xffffffffu, mine, kind);
  int lane = current & 31, row = lane / 4, column = lane % 4 * 2;
  float sums[4] = { 0, 0, 0, 0 };
  for (int group = 0; group < 4; group++) {
    Fragments low = from_lane<Fragments>(warp, row * 4 + group);
    for (int j = 0; j < 2; j++) {
      Fragments right = from_lane<Fragments>(warp, (column + j) * 4 + group);
      for (int half = 0; half < 2; half++)                  // k = 2 group + half, then the same + 8
        for (int upper = 0; upper < 2; upper++) {
          float value = Value(right.b[upper], half);
          sums[j] += Value(low.a[upper * 2], half) * value;
          sums[2 + j] += Value(low.a[upper * 2 + 1], half) * value;
        }
    }
  }
  for (int i = 0; i < 4; i++) d[i] += sums[i];
}
}  // namespace emu

// d += a b with a [16, 16], b [16, 8], d [16, 8].
static inline void mma_bf16(float* d, const unsigned* a, const unsigned* b) { emu::mma_16816<emu::bf16_of>(d, a, b, 10); }
static inline void mma_f16(float* d, const unsigned* a, const unsigned* b) { emu::mma_16816<emu::f16_of>(d, a, b, 11); }

namespace emu {
template <int Count, bool Transposed> static inline void load_matrices(unsigned* r, const void* row) {
  const Fiber* warp = exchange(0xffffffffu, row, 12 + Count * 2 + Transposed);
  int lane = current & 31;
  for (int m = 0; m < Count; m++) {
    unsigned short pair[2];
    for (int i = 0; i < 2; i++) {
      int at = Transposed ? lane % 4 * 2 + i : lane / 4, element = Transposed ? lane / 4 : lane % 4 * 2 + i;
      auto* source = static_cast<const unsigned short*>(from_lane<const void*>(warp, m * 8 + at));
      if (reinterpret_cast<uintptr_t>(source) & 15) fail("ldmatrix: a row is not aligned to 16 bytes");
      pair[i] = source[element];
    }
    r[m] = pair[0] | (unsigned)pair[1] << 16;
  }
}
}  // namespace emu

static inline void ldmatrix_x4(unsigned* r, const void* row) { emu::load_matrices<4, false>(r, row); }
static inline void ldmatrix_x4_trans(unsigned* r, const void* row) { emu::load_matrices<4, true>(r, row); }
static inline void ldmatrix_x2(unsigned* r, const void* row) { emu::load_matrices<2, false>(r, row); }
static inline void ldmatrix_x2_trans(unsigned* r, const void* row) { emu::load_matrices<2, true>(r, row); }

static inline float exp2_approx(float x) {
  float y = exp2f(x);
  return y < 1.17549435e-38f ? 0.0f : y;
}

// 16 bytes from global to shared memory, zeros instead where not valid. The copy happens some time before it is waited for:
// at once in every other run of four launches, as late as possible in the others.
static inline bool copies_at_once() { return ((emu::launches + 1) >> 2 & 1) == 0; }
static inline void cp_async_16(void* shared, const void* global, bool valid) {
  if ((reinterpret_cast<uintptr_t>(shared) | (valid ? reinterpret_cast<uintptr_t>(global) : 0)) & 15) emu::fail("cp.async: an address is not aligned to 16 bytes");
  if (copies_at_once()) {
    if (valid) memcpy(shared, global, 16); else memset(shared, 0, 16);
  } else {
    emu::fibers[emu::current].open.push_back({ shared, global, 16, valid ? 0 : 16 });
  }
}
static inline void cp_async_commit() {
  auto& f = emu::fibers[emu::current];
  f.groups.push_back(f.open);
  f.open.clear();
}
template <int Pending> static inline void cp_async_wait() {
  auto& f = emu::fibers[emu::current];
  while (f.groups.size() > Pending) emu::finish_group(f);
}
