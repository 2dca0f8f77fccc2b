// Four elements per thread. X and Y are the element types of input and output.

struct FillParams { Y* y; i64 n; float value; int vector; };

KERNEL(fill, FillParams, 256) {
  i64 i = 4 * ((i64)blockIdx.x * 256 + threadIdx.x);
  if (p.vector && i + 4 <= p.n) {
    float v[4] = { p.value, p.value, p.value, p.value };
    Four<Y>::store(p.y + i, v);
    return;
  }
  for (i64 j = i; j < min(i + 4, p.n); j++) p.y[j] = Rounded<Y>::of(p.value);
}

struct ConvertParams { const X* x; Y* y; i64 n; int vector; };

KERNEL(convert, ConvertParams, 256) {
  i64 i = 4 * ((i64)blockIdx.x * 256 + threadIdx.x);
  if (p.vector && i + 4 <= p.n) {
    float v[4];
    Four<X>::load(p.x + i, v);
    Four<Y>::store(p.y + i, v);
    return;
  }
  for (i64 j = i; j < min(i + 4, p.n); j++) p.y[j] = Rounded<Y>::of(value(p.x[j]));
}

struct AddParams { const X* a; const X* b; Y* y; i64 n; int vector; };

KERNEL(add, AddParams, 256) {
  i64 i = 4 * ((i64)blockIdx.x * 256 + threadIdx.x);
  if (p.vector && i + 4 <= p.n) {
    float a[4], b[4];
    Four<X>::load(p.a + i, a);
    Four<X>::load(p.b + i, b);
#pragma unroll
    for (int k = 0; k < 4; k++) a[k] += b[k];
    Four<Y>::store(p.y + i, a);
    return;
  }
  for (i64 j = i; j < min(i + 4, p.n); j++) p.y[j] = Rounded<Y>::of(value(p.a[j]) + value(p.b[j]));
}

// y = x scale s (+ y): s one number, one per row or one per column.
struct ScaleParams { const X* x; const float* s; Y* y; i64 n; float scale; int columns, accumulate, vector; };

template <int Kind> __device__ __forceinline__ float factor(const ScaleParams& p, i64 i) {
  if (Kind == 0) return p.scale;
  return p.s[Kind == 1 ? i / p.columns : i % p.columns];
}

template <int Kind> __device__ __forceinline__ void scale_four(const ScaleParams& p) {
  i64 i = 4 * ((i64)blockIdx.x * 256 + threadIdx.x);
  if (p.vector && i + 4 <= p.n) {
    float x[4], y[4] = { 0, 0, 0, 0 };
    Four<X>::load(p.x + i, x);
    if (p.accumulate) Four<Y>::load(p.y + i, y);
#pragma unroll
    for (int k = 0; k < 4; k++) y[k] = p.accumulate ? x[k] * factor<Kind>(p, i + k) + y[k] : x[k] * factor<Kind>(p, i + k);
    Four<Y>::store(p.y + i, y);
    return;
  }
  for (i64 j = i; j < min(i + 4, p.n); j++) {
    float y = value(p.x[j]) * factor<Kind>(p, j);
    p.y[j] = Rounded<Y>::of(p.accumulate ? y + value(p.y[j]) : y);
  }
}

KERNEL(scale, ScaleParams, 256) { scale_four<0>(p); }
KERNEL(scale_rows, ScaleParams, 256) { scale_four<1>(p); }
KERNEL(scale_columns, ScaleParams, 256) { scale_four<2>(p); }

struct CopyColumnsParams { const X* x; Y* y; i64 n; int from, from_columns, to, to_columns, count, accumulate; };

KERNEL(copy_columns, CopyColumnsParams, 256) {
  i64 first = 4 * ((i64)blockIdx.x * 256 + threadIdx.x);
  for (i64 i = first; i < min(first + 4, p.n); i++) {
    i64 row = i / p.count;
    int column = (int)(i - row * p.count);
    float v = value(p.x[row * p.from_columns + p.from + column]);
    Y* y = p.y + row * p.to_columns + p.to + column;
    *y = Rounded<Y>::of(p.accumulate ? v + value(*y) : v);
  }
}

// y[i, j] += x[j].
KERNEL(add_bias, ScaleParams, 256) {
  i64 i = 4 * ((i64)blockIdx.x * 256 + threadIdx.x);
  for (i64 j = i; j < min(i + 4, p.n); j++) p.y[j] = Rounded<Y>::of(value(p.y[j]) + value(p.x[j % p.columns]));
}
