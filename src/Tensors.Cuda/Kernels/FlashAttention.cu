// Attention forward on tensor cores: a block holds 64 MT rows of queries and walks over their keys, BN at a time. While scores
// are multiplied the values come, while values are multiplied the next keys come. Y is the type of the result.
#include "Tiles.cu"

constexpr int kRows = 64 * MT;

struct FlashParams {
  const bf16* q; const bf16* k; const bf16* v; Y* result; float* lse; const Work* work; const unsigned char* mask;
  int heads, kv_heads, causal, window; float scale;
};

KERNEL(flash_attention, FlashParams, 128) {
  DYNAMIC_SHARED(memory);
  bf16* queries = (bf16*)memory;
  bf16* keys = queries + kRows * kStride;
  bf16* values = keys + BN * kStride;
  __shared__ Work w;
  fetch(&w, p.work + blockIdx.x / p.kv_heads);
  int head = blockIdx.x % p.kv_heads, lane = lane_of(), own = (threadIdx.x >> 5) * 16 * MT;
  Group group(p.heads, p.kv_heads, head);
  i64 stride = (i64)p.kv_heads * D, column = w.key * stride + (i64)head * D;
  Sight sight = { p.causal, p.window, group, p.mask ? p.mask + w.key : nullptr };
  float c = p.scale * kLog2e;

  float acc[MT][kColumns][4], most[MT][2], sum[MT][2];
  clear<MT, kColumns>(acc);
#pragma unroll
  for (int m = 0; m < MT; m++) {
    most[m][0] = most[m][1] = -INFINITE;
    sum[m][0] = sum[m][1] = 0.0f;
  }

  // A hidden key is read as zeros: what it holds may be no number.
  auto place_of = [&](int k) { return k < w.end && !(sight.mask && !sight.mask[k]) ? column + k * stride : -1; };
  load_rows<kRows>(queries, p.q, p.q, [&](int r) { return w.row + r < w.rows ? group.place(w.query, w.row + r) * D : -1; });
  load_rows<BN>(keys, p.k, p.q, [&](int r) { return place_of(w.first + r); });
  cp_async_commit();
  for (int at = w.first; at < w.end; at += BN) {
    cp_async_wait<0>();
    __syncthreads();
    load_rows<BN>(values, p.v, p.q, [&](int r) { return place_of(at + r); });
    cp_async_commit();
    float s[MT][BN / 8][4];
    clear<MT, BN / 8>(s);
    multiply_rows<MT, BN / 8>(s, queries + own * kStride, keys);
    cp_async_wait<0>();
    __syncthreads();
    if (at + BN < w.end) load_rows<BN>(keys, p.k, p.q, [&](int r) { return place_of(at + BN + r); });
    cp_async_commit();
    if (!sight.clear_of(w, at, BN)) hide<MT, BN / 8>(s, w, sight, w.row + own, at);
    soften<MT, BN / 8>(s, acc, most, sum, c);
    multiply_columns<MT, BN / 8>(acc, s, values);
  }
  cp_async_wait<0>();

#pragma unroll
  for (int m = 0; m < MT; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float total = sum[m][half];
      total += __shfl_xor_sync(0xffffffffu, total, 1);
      total += __shfl_xor_sync(0xffffffffu, total, 2);
      int row = w.row + own + 16 * m + 8 * half + lane / 4;
      if (row >= w.rows) continue;
      i64 place = group.place(w.query, row);
      float part = total == 0.0f ? 0.0f : 1.0f / total;
      Y* y = p.result + place * D + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < kColumns; n++) store_two(y + 8 * n, acc[m][n][2 * half] * part, acc[m][n][2 * half + 1] * part);
      if (p.lse && lane % 4 == 0) p.lse[place] = total == 0.0f ? -INFINITE : (most[m][half] * c + log2f(total)) * kLn2;
    }
}
