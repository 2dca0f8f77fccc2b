// Non-linearities and their derivatives. KIND numbers ActivationKind: 0 silu, 1 gelu with erf, 2 gelu with tanh, 3 quick gelu, 4 relu, 5 tanh.

struct Point { float y, slope; };

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

__device__ __forceinline__ Point at(float x) {
  Point r;
  if (KIND == 0 || KIND == 3) {
    const float k = KIND == 0 ? 1.0f : 1.702f;
    float s = sigmoid(k * x);
    r.y = x * s;
    r.slope = s * (1.0f + k * x * sigmoid(-k * x));
  } else if (KIND == 1) {
    // The argument in two parts: far below zero its rounding would show in every digit but the first few.
    const float root = 0.70710678118654752f, rest = 1.2101617e-8f;
    float a = -root * x, b = fmaf(-root, x, -a) - rest * x;
    float cdf = 0.5f * erfcf(a);
    if (fabsf(a) < 9.2f) cdf -= b * 0.56418958354775629f * expf(-a * a);
    r.y = x * cdf;
    r.slope = cdf + x * 0.39894228040143268f * expf(-0.5f * x * x);
  } else if (KIND == 2) {
    const float root = 0.79788456080286536f, cubic = 0.044715f;
    // (1 + tanh u) / 2 is the sigmoid of 2u, which keeps its digits where the sum would cancel.
    float u = 2.0f * root * (x + cubic * x * x * x), s = sigmoid(u);
    r.y = x * s;
    float bend = s * sigmoid(-u);
    r.slope = s + (bend == 0.0f ? 0.0f : 2.0f * root * x * bend * (1.0f + 3.0f * cubic * x * x));
  } else if (KIND == 5) {
    r.y = tanhf(x);
    r.slope = 1.0f - r.y * r.y;
  } else {
    r.y = x < 0.0f ? 0.0f : x;
    r.slope = x > 0.0f ? 1.0f : 0.0f;
  }
  return r;
}

struct ActivationParams { const X* x; const X* dy; Y* y; i64 n; int accumulate, vector; };

template <class F> __device__ __forceinline__ void each(const ActivationParams& p, F f) {
  i64 i = 4 * ((i64)blockIdx.x * 256 + threadIdx.x);
  if (p.vector && i + 4 <= p.n) {
    float x[4], dy[4] = { 0, 0, 0, 0 }, y[4] = { 0, 0, 0, 0 };
    Four<X>::load(p.x + i, x);
    if (p.dy) Four<X>::load(p.dy + i, dy);
    if (p.accumulate) Four<Y>::load(p.y + i, y);
#pragma unroll
    for (int k = 0; k < 4; k++) y[k] = f(x[k], dy[k]) + y[k];
    Four<Y>::store(p.y + i, y);
    return;
  }
  for (i64 j = i; j < min(i + 4, p.n); j++) {
    float y = f(value(p.x[j]), p.dy ? value(p.dy[j]) : 0.0f);
    p.y[j] = Rounded<Y>::of(p.accumulate ? y + value(p.y[j]) : y);
  }
}

KERNEL(activation, ActivationParams, 256) {
  each(p, [] (float x, float) { return at(x).y; });
}

KERNEL(activation_backward, ActivationParams, 256) {
  each(p, [] (float x, float dy) { return dy * at(x).slope; });
}

struct GatedParams { const X* gate; const X* up; const X* dy; Y* first; Y* second; i64 n; int vector; };

KERNEL(gated, GatedParams, 256) {
  i64 i = 4 * ((i64)blockIdx.x * 256 + threadIdx.x);
  if (p.vector && i + 4 <= p.n) {
    float g[4], u[4];
    Four<X>::load(p.gate + i, g);
    Four<X>::load(p.up + i, u);
#pragma unroll
    for (int k = 0; k < 4; k++) g[k] = at(g[k]).y * u[k];
    Four<Y>::store(p.first + i, g);
    return;
  }
  for (i64 j = i; j < min(i + 4, p.n); j++) p.first[j] = Rounded<Y>::of(at(value(p.gate[j])).y * value(p.up[j]));
}

// The outputs may stand where the inputs stood: an element is read before it is written.
KERNEL(gated_backward, GatedParams, 256) {
  i64 i = 4 * ((i64)blockIdx.x * 256 + threadIdx.x);
  if (p.vector && i + 4 <= p.n) {
    float g[4], u[4], d[4];
    Four<X>::load(p.gate + i, g);
    Four<X>::load(p.up + i, u);
    Four<X>::load(p.dy + i, d);
#pragma unroll
    for (int k = 0; k < 4; k++) {
      Point f = at(g[k]);
      g[k] = d[k] * u[k] * f.slope;
      u[k] = d[k] * f.y;
    }
    Four<Y>::store(p.first + i, g);
    Four<Y>::store(p.second + i, u);
    return;
  }
  for (i64 j = i; j < min(i + 4, p.n); j++) {
    Point f = at(value(p.gate[j]));
    float u = value(p.up[j]), d = value(p.dy[j]);
    p.first[j] = Rounded<Y>::of(d * u * f.slope);
    p.second[j] = Rounded<Y>::of(d * f.y);
  }
}
