// Rotation of pairs: element j with j + D/2, or 2j with 2j + 1. A thread turns one pair, so y may be x.

struct RopeParams { const X* x; const float* cos; const float* sin; Y* y; i64 pairs; int heads, half, interleaved, inverse; };

KERNEL(rope, RopeParams, 256) {
  i64 i = (i64)blockIdx.x * 256 + threadIdx.x;
  if (i >= p.pairs) return;
  i64 row = i / p.half;
  int j = (int)(i - row * p.half);
  i64 angle = row / p.heads * p.half + j;
  float c = p.cos[angle], s = p.inverse ? -p.sin[angle] : p.sin[angle];
  i64 a = row * 2 * p.half + (p.interleaved ? 2 * j : j), b = a + (p.interleaved ? 1 : p.half);
  float u = value(p.x[a]), v = value(p.x[b]);
  p.y[a] = Rounded<Y>::of(u * c - v * s);
  p.y[b] = Rounded<Y>::of(v * c + u * s);
}
