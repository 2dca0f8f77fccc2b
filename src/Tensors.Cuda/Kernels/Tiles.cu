// Tiles of heads in shared memory and products of tensor cores on them; included by the flash kernels.
// D is the head width, a multiple of 8. A row in shared memory is filled up with zeros to kDeep columns, a multiple of 16, and
// eight more keep the rows that one ldmatrix reads in different banks. Blocks have four warps.

constexpr int kDeep = (D + 15) / 16 * 16;
constexpr int kStride = kDeep + 8;
constexpr int kColumns = D / 8;              // fragments of eight columns
constexpr int kThreads = 128;
constexpr float kLog2e = 1.4426950408889634f;
constexpr float kLn2 = 0.6931471805599453f;

// What a block does: rows [row, rows) of a run of queries against keys [first, end) of it. A row is a query and a head of the
// group that shares a key head: row r is query r / group and head r % group. Keys [clear_first, clear_end) are seen by all rows.
struct Work { int query, offset, key, keys, row, rows, first, end, clear_first, clear_end, splits, place; };

// Into shared memory, where its numbers take no registers.
__device__ __forceinline__ void fetch(Work* w, const Work* from) {
  if (threadIdx.x < sizeof(Work) / sizeof(int)) ((int*)w)[threadIdx.x] = ((const int*)from)[threadIdx.x];
  __syncthreads();
}

// The query heads that share a key head. A row divided by their number is one multiplication: exact while rows times heads stay
// below 2^32.
struct Group {
  int heads, size, first;
  unsigned inverse;

  __device__ __forceinline__ int query(int row) const { return inverse ? (int)__umulhi((unsigned)row, inverse) : row; }

  __device__ __forceinline__ Group(int query_heads, int kv_heads, int head) {
    heads = query_heads;
    size = query_heads / kv_heads;
    first = head * size;
    inverse = size == 1 ? 0 : 0xffffffffu / size + 1;
  }

  // Number of a row among all queries and heads, for a run that starts at a query.
  __device__ __forceinline__ i64 place(int start, int row) const {
    int q = query(row);
    return (i64)(start + q) * heads + (first + row - q * size);
  }
};

__device__ __forceinline__ int lane_of() { return threadIdx.x & 31; }

// Which keys of its run a row sees, and which of them the mask leaves.
struct Sight {
  int causal, window;
  Group group;
  const unsigned char* mask;       // at the run's first key; null: none hidden

  __device__ __forceinline__ bool clear_of(const Work& w, int first, int count) const { return !mask && first >= w.clear_first && first + count <= w.clear_end; }

  __device__ __forceinline__ int end(const Work& w, int row) const { return causal ? min(w.keys, group.query(row) + w.offset + 1) : w.keys; }

  __device__ __forceinline__ int first(const Work& w, int row) const { return window > 0 ? group.query(row) + w.offset + 1 - window : 0; }
};

// Eight elements of any type as bfloat16 into shared memory; bfloat16 itself is copied while the block goes on.
__device__ __forceinline__ void put(bf16* to, const bf16* from, const bf16* any, bool valid) { cp_async_16(to, valid ? from : any, valid); }

template <class T> __device__ __forceinline__ void put(bf16* to, const T* from, const T* any, bool valid) {
  float low[4] = { 0.0f, 0.0f, 0.0f, 0.0f }, high[4] = { 0.0f, 0.0f, 0.0f, 0.0f };
  if (valid) {
    Four<T>::load(from, low);
    Four<T>::load(from + 4, high);
  }
  uint4 x;
  x.x = pack_bf16(low[0], low[1]); x.y = pack_bf16(low[2], low[3]);
  x.z = pack_bf16(high[0], high[1]); x.w = pack_bf16(high[2], high[3]);
  *(uint4*)to = x;
}

// Loads of a thread under way at once: those that are copied need no registers to wait in, so a loop takes the fewest.
template <class T> struct Unrolled { static constexpr int value = 4; };
template <> struct Unrolled<bf16> { static constexpr int value = 1; };

// Calls each(row, part) for every part of eight columns of a tile of Rows rows, spread over the block.
template <int Rows, class T, class Each> __device__ __forceinline__ void each_part(Each each) {
  constexpr unsigned kParts = kDeep / 8;
  if (kThreads % kParts == 0) {
    constexpr int kStep = kThreads / kParts;
    int c = threadIdx.x % kParts, r = threadIdx.x / kParts;
#pragma unroll (Unrolled<T>::value)
    for (int base = 0; base < Rows; base += kStep)
      if (Rows % kStep == 0 || base + r < Rows) each(base + r, c);
  } else {
#pragma unroll (Unrolled<T>::value)
    for (unsigned i = threadIdx.x; i < Rows * kParts; i += kThreads) each((int)(i / kParts), (int)(i % kParts));
  }
}

// Rows of a matrix into a tile of Rows rows; source(r) is the place of the first element of row r, negative for a row of zeros.
template <int Rows, class T, class Source> __device__ __forceinline__ void load_rows(bf16* tile, const T* from, const T* any, Source source) {
  each_part<Rows, T>([&](int r, int c) {
    i64 place = source(r);
    put(tile + r * kStride + 8 * c, from + place + 8 * c, any, place >= 0 && (D == kDeep || 8 * c < D));
  });
}

// The same rows of two matrices, into a tile and the one behind it.
template <int Rows, class T, class Source> __device__ __forceinline__ void load_rows(bf16* tile, const T* from, const T* second, const T* any, Source source) {
  each_part<Rows, T>([&](int r, int c) {
    i64 place = source(r);
    bool valid = place >= 0 && (D == kDeep || 8 * c < D);
    put(tile + r * kStride + 8 * c, from + place + 8 * c, any, valid);
    put(tile + (Rows + r) * kStride + 8 * c, second + place + 8 * c, any, valid);
  });
}

// s [16 Ms, 8 Ns] += a b^T: rows of a and of b are rows in shared memory.
template <int Ms, int Ns> __device__ __forceinline__ void multiply_rows(float (*s)[Ns][4], const bf16* a, const bf16* b) {
  int lane = lane_of();
  const bf16* left = a + lane % 16 * kStride + lane / 16 * 8;
  const bf16* right = b + (lane / 16 * 8 + lane % 8) * kStride + lane / 8 % 2 * 8;
#pragma unroll
  for (int k = 0; k < kDeep / 16; k++) {
    unsigned fa[Ms][4];
#pragma unroll
    for (int m = 0; m < Ms; m++) ldmatrix_x4(fa[m], left + 16 * m * kStride + 16 * k);
#pragma unroll
    for (int n = 0; n < Ns / 2; n++) {
      unsigned fb[4];
      ldmatrix_x4(fb, right + 16 * n * kStride + 16 * k);
#pragma unroll
      for (int m = 0; m < Ms; m++) {
        mma_bf16(s[m][2 * n], fa[m], fb);
        mma_bf16(s[m][2 * n + 1], fa[m], fb + 2);
      }
    }
  }
}

// acc [16 Ms, D] += s b: s [16 Ms, 8 Ns] in the accumulators of the product above, rounded; b [8 Ns, D] in shared memory.
template <int Ms, int Ns> __device__ __forceinline__ void multiply_columns(float (*acc)[kColumns][4], const float (*s)[Ns][4], const bf16* b) {
  int lane = lane_of();
  const bf16* right = b + lane % 16 * kStride + lane / 16 * 8;
#pragma unroll
  for (int k = 0; k < Ns / 2; k++) {
    unsigned fa[Ms][4];
#pragma unroll
    for (int m = 0; m < Ms; m++) {
      const float* low = s[m][2 * k];
      const float* high = s[m][2 * k + 1];
      fa[m][0] = pack_bf16(low[0], low[1]);
      fa[m][1] = pack_bf16(low[2], low[3]);
      fa[m][2] = pack_bf16(high[0], high[1]);
      fa[m][3] = pack_bf16(high[2], high[3]);
    }
#pragma unroll
    for (int n = 0; n < kDeep / 16; n++) {
      unsigned fb[4];
      ldmatrix_x4_trans(fb, right + 16 * k * kStride + 16 * n);
#pragma unroll
      for (int m = 0; m < Ms; m++) {
        mma_bf16(acc[m][2 * n], fa[m], fb);
        if (2 * n + 1 < kColumns) mma_bf16(acc[m][2 * n + 1], fa[m], fb + 2);
      }
    }
  }
}

template <int Ms, int Ns> __device__ __forceinline__ void clear(float (*s)[Ns][4]) {
#pragma unroll
  for (int m = 0; m < Ms; m++)
#pragma unroll
    for (int n = 0; n < Ns; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) s[m][n][i] = 0.0f;
}

// Two neighbours of a row.
__device__ __forceinline__ void store_two(float* p, float a, float b) { float2 x; x.x = a; x.y = b; *(float2*)p = x; }
__device__ __forceinline__ void store_two(bf16* p, float a, float b) { *(unsigned*)p = pack_bf16(a, b); }
__device__ __forceinline__ void store_two(f16* p, float a, float b) { *(unsigned*)p = pack_f16(a, b); }

// Hides what rows do not see: s holds rows [row, row + 16 Ms) against keys [key, key + 8 Ns).
template <int Ms, int Ns> __device__ __forceinline__ void hide(float (*s)[Ns][4], const Work& w, const Sight& sight, int row, int key) {
  int lane = lane_of();
  unsigned there[(Ns + 3) / 4];              // a bit per key that exists and is not masked
#pragma unroll
  for (int j = 0; j < (Ns + 3) / 4; j++) {
    int k = key + 32 * j + lane;
    there[j] = __ballot_sync(0xffffffffu, k < w.end && !(sight.mask && !sight.mask[k]));
  }
#pragma unroll
  for (int m = 0; m < Ms; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int r = row + 16 * m + 8 * half + lane / 4, first = sight.first(w, r) - key, end = sight.end(w, r) - key;
#pragma unroll
      for (int n = 0; n < Ns; n++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          int k = 8 * n + lane % 4 * 2 + i;
          if (k < first || k >= end || !(there[n / 4] >> k % 32 & 1)) s[m][n][2 * half + i] = -INFINITE;
        }
    }
}

// One step of the softmax that is carried along: s becomes the weights, acc and sum are brought to the new maximum.
// c is the scale of the scores times log2 e, so that exponentials are powers of two.
template <int Ms, int Ns> __device__ __forceinline__ void soften(float (*s)[Ns][4], float (*acc)[kColumns][4], float (*most)[2], float (*sum)[2], float c) {
#pragma unroll
  for (int m = 0; m < Ms; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float top = most[m][half];
#pragma unroll
      for (int n = 0; n < Ns; n++) top = fmaxf(top, fmaxf(s[m][n][2 * half], s[m][n][2 * half + 1]));
      top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
      top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
      float base = top == -INFINITE ? 0.0f : top * c, keep = exp2_approx(most[m][half] * c - base);
      bool moved = top != most[m][half];
      most[m][half] = top;
      float part = 0.0f;
#pragma unroll
      for (int n = 0; n < Ns; n++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          float weight = exp2_approx(s[m][n][2 * half + i] * c - base);
          s[m][n][2 * half + i] = weight;
          part += weight;
        }
      sum[m][half] = sum[m][half] * keep + part;
      // The maximum settles after a few tiles; then nothing is left to bring along.
      if (__ballot_sync(0xffffffffu, moved)) {
#pragma unroll
        for (int n = 0; n < kColumns; n++) {
          acc[m][n][2 * half] *= keep;
          acc[m][n][2 * half + 1] *= keep;
        }
      }
    }
}
