// Attention of few queries against many keys, as in decoding: it waits for the cache to be read, so every block reads a part of the
// keys once, for all heads that share them, and a second kernel puts the parts of a row together in their order. The four warps of a
// block take 16 keys each of the 64 of a step. X, W and Y are the types of queries, cache and result.
#include "Tiles.cu"

constexpr int kRows = 16 * MT;
constexpr int kStep = 64;

struct DecodeParams {
  const X* q; const W* k; const W* v; Y* result; float* lse; float* partial; float* partial_lse; const Work* work; const unsigned char* mask;
  int heads, kv_heads, causal, window; float scale;
};

KERNEL(decode, DecodeParams, 128) {
  DYNAMIC_SHARED(memory);
  __shared__ Work w;
  __shared__ float tops[4][kRows], sums[4][kRows];
  fetch(&w, p.work + blockIdx.x / p.kv_heads);
  bf16* queries = (bf16*)memory;
  bf16* cache = queries + kRows * kStride;             // two steps, each with keys and then values
  int head = blockIdx.x % p.kv_heads, lane = lane_of(), warp = threadIdx.x >> 5;
  Group group(p.heads, p.kv_heads, head);
  i64 stride = (i64)p.kv_heads * D, column = w.key * stride + (i64)head * D;
  Sight sight = { p.causal, p.window, group, p.mask ? p.mask + w.key : nullptr };
  float c = p.scale * kLog2e;
  auto load = [&](int at, bf16* to) {
    load_rows<kStep>(to, p.k, p.v, p.k, [&](int r) { return at + r < w.end && !(sight.mask && !sight.mask[at + r]) ? column + (at + r) * stride : -1; });
  };

  load_rows<kRows>(queries, p.q, p.q, [&](int r) { return w.row + r < w.rows ? group.place(w.query, w.row + r) * D : -1; });
  if (w.first < w.end) load(w.first, cache);
  cp_async_commit();
  float acc[MT][kColumns][4], most[MT][2], sum[MT][2];
  clear<MT, kColumns>(acc);
#pragma unroll
  for (int m = 0; m < MT; m++) {
    most[m][0] = most[m][1] = -INFINITE;
    sum[m][0] = sum[m][1] = 0.0f;
  }
  int turn = 0;
  for (int at = w.first; at < w.end; at += kStep, turn ^= 1) {
    const bf16* keys = cache + turn * 2 * kStep * kStride + warp * 16 * kStride;
    cp_async_wait<0>();
    __syncthreads();
    if (at + kStep < w.end) load(at + kStep, cache + (turn ^ 1) * 2 * kStep * kStride);
    cp_async_commit();
    float s[MT][2][4];
    clear<MT, 2>(s);
    multiply_rows<MT, 2>(s, queries, keys);
    int own = at + warp * 16;
    if (!sight.clear_of(w, own, 16)) hide<MT, 2>(s, w, sight, w.row, own);
    soften<MT, 2>(s, acc, most, sum, c);
    multiply_columns<MT, 2>(acc, s, keys + kStep * kStride);
  }
  cp_async_wait<0>();

  // The warps' parts, one after another.
  __syncthreads();
  float* parts = (float*)cache;
#pragma unroll
  for (int m = 0; m < MT; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int r = 16 * m + 8 * half + lane / 4;
      float total = sum[m][half];
      total += __shfl_xor_sync(0xffffffffu, total, 1);
      total += __shfl_xor_sync(0xffffffffu, total, 2);
      if (lane % 4 == 0) {
        tops[warp][r] = most[m][half];
        sums[warp][r] = total;
      }
#pragma unroll
      for (int n = 0; n < kColumns; n++) store_two(parts + (warp * kRows + r) * D + 8 * n + lane % 4 * 2, acc[m][n][2 * half], acc[m][n][2 * half + 1]);
    }
  __syncthreads();
  for (int i = threadIdx.x; i < kRows * (D / 2); i += kThreads) {
    int r = i / (D / 2), at = i % (D / 2) * 2;
    if (w.row + r >= w.rows) break;
    float top = fmaxf(fmaxf(tops[0][r], tops[1][r]), fmaxf(tops[2][r], tops[3][r])), base = top == -INFINITE ? 0.0f : top * c;
    float total = 0.0f, x = 0.0f, y = 0.0f;
#pragma unroll
    for (int part = 0; part < 4; part++) {
      float weight = exp2_approx(tops[part][r] * c - base);
      const float* from = parts + (part * kRows + r) * D + at;
      total += sums[part][r] * weight;
      x += from[0] * weight;
      y += from[1] * weight;
    }
    float scale = total == 0.0f ? 0.0f : 1.0f / total, lse = total == 0.0f ? -INFINITE : base + log2f(total);
    if (w.splits == 1) {
      i64 place = group.place(w.query, w.row + r);
      store_two(p.result + place * D + at, x * scale, y * scale);
      if (at == 0 && p.lse) p.lse[place] = lse * kLn2;
    } else {
      i64 place = (i64)blockIdx.x * kRows + r;
      store_two(p.partial + place * D + at, x * scale, y * scale);
      if (at == 0) p.partial_lse[place] = lse;
    }
  }
}

// The parts of a row, in their order; a warp per row, four rows per block.
KERNEL(decode_combine, DecodeParams, 128) {
  int item = blockIdx.x / p.kv_heads, head = blockIdx.x % p.kv_heads, lane = lane_of(), r = blockIdx.y * 4 + (threadIdx.x >> 5);
  const Work& w = p.work[item];
  if (w.place != 0 || w.splits == 1 || w.row + r >= w.rows) return;
  Group group(p.heads, p.kv_heads, head);
  const i64 step = (i64)p.kv_heads * kRows, first_part = ((i64)item * p.kv_heads + head) * kRows + r;
  float top = -INFINITE;
  for (int split = lane; split < w.splits; split += 32) top = fmaxf(top, p.partial_lse[first_part + split * step]);
  top = warp_max(top);
  __shared__ float weights[4][32];
  float* own = weights[threadIdx.x >> 5];
  float base = top == -INFINITE ? 0.0f : top, total = 0.0f, acc[4] = { 0.0f, 0.0f, 0.0f, 0.0f };
  for (int first = 0; first < w.splits; first += 32) {
    float weight = first + lane < w.splits ? exp2_approx(p.partial_lse[first_part + (first + lane) * step] - base) : 0.0f;
    total += weight;
    own[lane] = weight;
    __syncwarp();
    if (4 * lane < D) {
      int count = min(32, w.splits - first);
      const float* from = p.partial + (first_part + first * step) * D + 4 * lane;
#pragma unroll 8
      for (int j = 0; j < count; j++) {
        float v[4];
        Four<float>::load(from + j * step * D, v);
#pragma unroll
        for (int i = 0; i < 4; i++) acc[i] += own[j] * v[i];
      }
    }
    __syncwarp();
  }
  total = warp_sum(total);
  i64 place = group.place(w.query, w.row + r);
  float scale = total == 0.0f ? 0.0f : 1.0f / total;
#pragma unroll
  for (int i = 0; i < 4; i++) acc[i] *= scale;
  if (4 * lane < D) Four<Y>::store(p.result + place * D + 4 * lane, acc);
  if (lane == 0 && p.lse) p.lse[place] = total == 0.0f ? -INFINITE : (base + log2f(total)) * kLn2;
}
