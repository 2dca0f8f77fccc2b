// Gradients of attention on tensor cores. Weights are computed again from the scores and the logarithms of their sums. One kernel
// makes dQ, block by block of queries; another dK and dV, block by block of keys, where blocks that see many rows share them and a
// last kernel adds what each found, in their order: no block adds to what another wrote, so equal inputs give equal bits. X is the type of out and dout, Y that of dq, W that of dk and dv.
#include "Tiles.cu"

struct FlashBackwardParams {
  const bf16* q; const bf16* k; const bf16* v; const bf16* d_out; const X* out; const X* d_out_given; const float* lse; float2* stats;
  Y* d_q; W* d_k; W* d_v; const Work* work; const Work* runs; float* partial; const unsigned char* mask;
  int rows, heads, kv_heads, causal, window; float scale;
};

// Per query and head: the logarithm of the sum of powers of two, and delta = dout . out, of the rounded dout that the products
// read. A row that sees nothing gets infinity, so its weights become zero.
KERNEL(flash_stats, FlashBackwardParams, 128) {
  int lane = lane_of();
  i64 row = (i64)blockIdx.x * 4 + (threadIdx.x >> 5);
  if (row >= (i64)p.rows * p.heads) return;
  float delta = 0.0f;
  for (int c = lane; c < D; c += 32) {
    delta += value(Rounded<bf16>::of(value(p.d_out_given[row * D + c]))) * value(p.out[row * D + c]);
  }
  delta = warp_sum(delta);
  if (lane != 0) return;
  float lse = p.lse[row];
  float2 x;
  x.x = lse == -INFINITE ? INFINITE : lse * kLog2e;
  x.y = delta;
  p.stats[row] = x;
}

constexpr int kRows = 64 * MT;

// From scores and dout v^T to the gradient of the scores, without the scale.
__device__ __forceinline__ float score_gradient(float score, float dp, float c, float lse, float delta) { return exp2_approx(score * c - lse) * (dp - delta); }

// dq = scale sum over keys of ds k.
KERNEL(flash_backward_queries, FlashBackwardParams, 128) {
  DYNAMIC_SHARED(memory);
  __shared__ Work w;
  fetch(&w, p.work + blockIdx.x / p.kv_heads);
  bf16* queries = (bf16*)memory;
  bf16* gradients = queries + kRows * kStride;
  bf16* values = gradients + kRows * kStride;
  bf16* keys = values + BN * kStride;                // two tiles, in turn
  int head = blockIdx.x % p.kv_heads, lane = lane_of(), own = (threadIdx.x >> 5) * 16 * MT;
  Group group(p.heads, p.kv_heads, head);
  i64 stride = (i64)p.kv_heads * D, column = w.key * stride + (i64)head * D;
  Sight sight = { p.causal, p.window, group, p.mask ? p.mask + w.key : nullptr };
  auto place_of = [&](int k) { return k < w.end && !(sight.mask && !sight.mask[k]) ? column + k * stride : -1; };
  float c = p.scale * kLog2e;

  load_rows<kRows>(queries, p.q, p.d_out, p.q, [&](int r) { return w.row + r < w.rows ? group.place(w.query, w.row + r) * D : -1; });
  load_rows<BN>(values, p.v, p.k, p.q, [&](int r) { return place_of(w.first + r); });
  cp_async_commit();
  float acc[MT][kColumns][4], lse[MT][2], delta[MT][2];
  clear<MT, kColumns>(acc);
#pragma unroll
  for (int m = 0; m < MT; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int row = w.row + own + 16 * m + 8 * half + lane / 4;
      lse[m][half] = row < w.rows ? p.stats[group.place(w.query, row)].x : INFINITE;
      delta[m][half] = row < w.rows ? p.stats[group.place(w.query, row)].y : 0.0f;
    }

  int turn = 0;
  for (int at = w.first; at < w.end; at += BN, turn ^= 1) {
    const bf16* now = keys + turn * BN * kStride;
    cp_async_wait<0>();
    __syncthreads();
    bool more = at + BN < w.end;
    if (more) load_rows<BN>(keys + (turn ^ 1) * BN * kStride, p.k, p.q, [&](int r) { return place_of(at + BN + r); });
    cp_async_commit();
    float s[MT][BN / 8][4], dp[MT][BN / 8][4];
    clear<MT, BN / 8>(s);
    clear<MT, BN / 8>(dp);
    multiply_rows<MT, BN / 8>(s, queries + own * kStride, now);
    multiply_rows<MT, BN / 8>(dp, gradients + own * kStride, values);
    __syncthreads();
    if (more) load_rows<BN>(values, p.v, p.q, [&](int r) { return place_of(at + BN + r); });
    cp_async_commit();
    if (!sight.clear_of(w, at, BN)) hide<MT, BN / 8>(s, w, sight, w.row + own, at);
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
      for (int n = 0; n < BN / 8; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) s[m][n][i] = score_gradient(s[m][n][i], dp[m][n][i], c, lse[m][i / 2], delta[m][i / 2]);
    multiply_columns<MT, BN / 8>(acc, s, now);
  }
  cp_async_wait<0>();

#pragma unroll
  for (int m = 0; m < MT; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int row = w.row + own + 16 * m + 8 * half + lane / 4;
      if (row >= w.rows) continue;
      Y* y = p.d_q + group.place(w.query, row) * D + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < kColumns; n++) store_two(y + 8 * n, acc[m][n][2 * half] * p.scale, acc[m][n][2 * half + 1] * p.scale);
    }
}

constexpr int kKeys = 64 * KT;

// A tile of rows that a block of keys walks over: rows [row, end) of a run.
struct Walk { int run, row, end; };

// dv = sum over rows of weight dout, dk = scale sum of ds q. A block holds up to 64 KT keys, key .. key + keys of its work, and takes
// work.rows tiles of rows, from row work.row of run work.first on. Scores are computed transposed, a row per key, so that weights
// are the left operand as they are. Here work.query numbers the partial sums of the first of the blocks that share the keys.
KERNEL(flash_backward_keys, FlashBackwardParams, 128) {
  DYNAMIC_SHARED(memory);
  __shared__ Work w;
  __shared__ float2 stats[2][BQ];
  fetch(&w, p.work + blockIdx.x / p.kv_heads);
  bf16* keys = (bf16*)memory;
  bf16* values = keys + kKeys * kStride;
  bf16* queries = values + kKeys * kStride;          // two tiles of rows, each with its gradients behind it
  int head = blockIdx.x % p.kv_heads, lane = lane_of(), own = (threadIdx.x >> 5) * 16 * KT;
  Group group(p.heads, p.kv_heads, head);
  i64 stride = (i64)p.kv_heads * D, column = w.key * stride + (i64)head * D;
  float c = p.scale * kLog2e;

  // The rows of a run that see any of these keys.
  auto enter = [&](int run) {
    Walk walk = { run, 0, 0 };
    const Work& s = p.runs[run];
    int place = w.key - s.key - s.offset, last = s.rows;
    if (p.causal) {
      walk.row = max(0, place) * group.size;
      if (p.window > 0) last = min(last, (place + w.keys - 1 + p.window) * group.size);
    }
    walk.end = last;
    return walk;
  };
  // Rows of a tile into shared memory, and what belongs to the row of this thread, for later.
  auto load = [&](const Walk& walk, bf16* to) {
    int start = p.runs[walk.run].query;
    load_rows<BQ>(to, p.q, p.d_out, p.q, [&](int r) { return walk.row + r < walk.end ? group.place(start, walk.row + r) * D : -1; });
    float2 none;
    none.x = INFINITE; none.y = 0.0f;
    return threadIdx.x < BQ && walk.row + (int)threadIdx.x < walk.end ? p.stats[group.place(start, walk.row + threadIdx.x)] : none;
  };

  load_rows<kKeys>(keys, p.k, p.v, p.q, [&](int r) { return r < w.keys ? column + r * stride : -1; });
  float dk[KT][kColumns][4], dv[KT][kColumns][4];
  clear<KT, kColumns>(dk);
  clear<KT, kColumns>(dv);
  Walk walk = { 0, 0, 0 };
  if (w.rows > 0) {
    walk = enter(w.first);
    walk.row = w.row;
    float2 own_stats = load(walk, queries);
    if (threadIdx.x < BQ) stats[0][threadIdx.x] = own_stats;
  }
  cp_async_commit();
  for (int step = 0, turn = 0; step < w.rows; step++, turn ^= 1) {
    bf16* rows = queries + turn * 2 * BQ * kStride;
    bf16* gradients = rows + BQ * kStride;
    cp_async_wait<0>();
    __syncthreads();
    Walk next = walk;
    float2 next_stats;
    next_stats.x = next_stats.y = 0.0f;
    if (step + 1 < w.rows) {
      next.row += BQ;
      while (next.row >= next.end) next = enter(next.run + 1);
      next_stats = load(next, queries + (turn ^ 1) * 2 * BQ * kStride);
    }
    cp_async_commit();

    float s[KT][BQ / 8][4], dp[KT][BQ / 8][4];
    clear<KT, BQ / 8>(s);
    clear<KT, BQ / 8>(dp);
    multiply_rows<KT, BQ / 8>(s, keys + own * kStride, rows);
    multiply_rows<KT, BQ / 8>(dp, values + own * kStride, gradients);
    // Place of this warp's first key relative to the last key that a query of the tile sees.
    const Work& run = p.runs[walk.run];
    int key = w.key - run.key - run.offset, first_query = group.query(walk.row), last_query = group.query(walk.row + BQ - 1);
    bool hidden = p.causal && (key + w.keys - 1 > first_query || (p.window > 0 && key <= last_query - p.window));
#pragma unroll
    for (int n = 0; n < BQ / 8; n++)
#pragma unroll
      for (int j = 0; j < 2; j++) {
        int r = 8 * n + lane % 4 * 2 + j;
        float2 x = stats[turn][r];
        int query = hidden ? group.query(walk.row + r) : 0;
#pragma unroll
        for (int m = 0; m < KT; m++)
#pragma unroll
          for (int half = 0; half < 2; half++) {
            int i = 2 * half + j, place = key + own + 16 * m + 8 * half + lane / 4;
            float weight = exp2_approx(s[m][n][i] * c - x.x);
            if (hidden && (place > query || (p.window > 0 && place <= query - p.window))) weight = 0.0f;
            s[m][n][i] = weight;
            dp[m][n][i] = weight * (dp[m][n][i] - x.y);
          }
      }
    multiply_columns<KT, BQ / 8>(dv, s, gradients);
    multiply_columns<KT, BQ / 8>(dk, dp, rows);
    if (threadIdx.x < BQ) stats[turn ^ 1][threadIdx.x] = next_stats;
    walk = next;
  }
  cp_async_wait<0>();

#pragma unroll
  for (int m = 0; m < KT; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int r = own + 16 * m + 8 * half + lane / 4;
      if (r >= w.keys) continue;
      if (w.splits > 1) {
        float* to = p.partial + (((i64)(w.query + w.place) * p.kv_heads + head) * 2 * kKeys + r) * D + lane % 4 * 2;
#pragma unroll
        for (int n = 0; n < kColumns; n++) {
          store_two(to + 8 * n, dk[m][n][2 * half], dk[m][n][2 * half + 1]);
          store_two(to + kKeys * D + 8 * n, dv[m][n][2 * half], dv[m][n][2 * half + 1]);
        }
        continue;
      }
      // A hidden key has no gradient, whatever was summed for it.
      bool seen = !(p.mask && !p.mask[w.key + r]);
      i64 place = column + r * stride + lane % 4 * 2;
      float scale = p.scale;
#pragma unroll
      for (int n = 0; n < kColumns; n++) {
        store_two(p.d_k + place + 8 * n, seen ? dk[m][n][2 * half] * scale : 0.0f, seen ? dk[m][n][2 * half + 1] * scale : 0.0f);
        store_two(p.d_v + place + 8 * n, seen ? dv[m][n][2 * half] : 0.0f, seen ? dv[m][n][2 * half + 1] : 0.0f);
      }
    }
}

// Adds what several blocks found for the same keys, in their order; a block takes a quarter of the keys of a tile.
KERNEL(flash_backward_combine, FlashBackwardParams, 128) {
  Work w = p.work[blockIdx.x / p.kv_heads];
  int head = blockIdx.x % p.kv_heads;
  if (w.place != 0 || w.splits == 1) return;
  i64 step = (i64)p.kv_heads * 2 * kKeys * D;
  const float* from = p.partial + ((i64)w.query * p.kv_heads + head) * 2 * kKeys * D;
  for (int i = threadIdx.x; i < kKeys / 4 * (D / 4); i += kThreads) {
    int r = blockIdx.y * (kKeys / 4) + i / (D / 4), at = i % (D / 4) * 4;
    if (r >= w.keys) break;
    float dk[4] = { 0.0f, 0.0f, 0.0f, 0.0f }, dv[4] = { 0.0f, 0.0f, 0.0f, 0.0f };
#pragma unroll 4
    for (int part = 0; part < w.splits; part++) {
      float x[4], y[4];
      Four<float>::load(from + part * step + r * D + at, x);
      Four<float>::load(from + part * step + (kKeys + r) * D + at, y);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        dk[j] += x[j];
        dv[j] += y[j];
      }
    }
    bool seen = !(p.mask && !p.mask[w.key + r]);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      dk[j] = seen ? dk[j] * p.scale : 0.0f;
      dv[j] = seen ? dv[j] : 0.0f;
    }
    i64 place = (i64)(w.key + r) * p.kv_heads * D + (i64)head * D + at;
    Four<W>::store(p.d_k + place, dk);
    Four<W>::store(p.d_v + place, dv);
  }
}
