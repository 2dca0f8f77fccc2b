// c [M, N] = alpha a b^T (+ c) (+ bias) for few rows of a, as in decoding: each warp reads its rows of b once, in the type in
// which they are stored. ROWS is M rounded up to 1, 2, 4 or 8; BF16 rounds the operands to bfloat16 first.

struct SkinnyParams { const X* a; const W* b; const float* bias; Y* c; float alpha; int rows, n, k, accumulate, vector; };

__device__ __forceinline__ float operand(float x) { return BF16 ? value(Rounded<bf16>::of(x)) : x; }

KERNEL(skinny, SkinnyParams, 256) {
  int lane = threadIdx.x & 31, column = blockIdx.x * 8 + (threadIdx.x >> 5);
  if (column >= p.n) return;
  const W* b = p.b + (i64)column * p.k;
  float sums[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; r++) sums[r] = 0.0f;
  if (p.vector) {
    for (int k = 4 * lane; k < p.k; k += 128) {
      float w[4];
      Four<W>::load(b + k, w);
#pragma unroll
      for (int i = 0; i < 4; i++) w[i] = operand(w[i]);
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
        if (r < p.rows) {
          float v[4];
          Four<X>::load(p.a + (i64)r * p.k + k, v);
#pragma unroll
          for (int i = 0; i < 4; i++) sums[r] += operand(v[i]) * w[i];
        }
      }
    }
  } else {
    for (int k = lane; k < p.k; k += 32) {
      float w = operand(value(b[k]));
#pragma unroll
      for (int r = 0; r < ROWS; r++)
        if (r < p.rows) sums[r] += operand(value(p.a[(i64)r * p.k + k])) * w;
    }
  }
#pragma unroll
  for (int r = 0; r < ROWS; r++) sums[r] = warp_sum(sums[r]);
  if (lane != 0) return;
  for (int r = 0; r < p.rows; r++) {
    Y* c = p.c + (i64)r * p.n + column;
    float v = p.alpha * sums[r];
    if (p.accumulate) v += value(*c);
    if (p.bias) v += p.bias[column];
    *c = Rounded<Y>::of(v);
  }
}
