// RMSNorm and LayerNorm: one block per row. W is the type of weight and bias.

struct NormParams { const X* x; const W* weight; const W* bias; Y* y; float* mean; float* rstd; int columns; float eps; int vector; };

// The sum of f over a row, four elements per thread and turn.
template <class F> __device__ __forceinline__ float row_sum(const X* x, int columns, int vector, float* scratch, F f) {
  float sum = 0.0f;
  if (vector) {
    for (int j = 4 * threadIdx.x; j < columns; j += 4 * 256) {
      float v[4];
      Four<X>::load(x + j, v);
#pragma unroll
      for (int k = 0; k < 4; k++) sum += f(v[k]);
    }
  } else {
    for (int j = threadIdx.x; j < columns; j += 256) sum += f(value(x[j]));
  }
  return block_sum<256>(sum, scratch);
}

// y = (x - mean) rstd weight + bias.
__device__ __forceinline__ void write_row(const NormParams& p, float mean, float rstd) {
  const X* x = p.x + (i64)blockIdx.x * p.columns;
  Y* y = p.y + (i64)blockIdx.x * p.columns;
  if (p.vector) {
    for (int j = 4 * threadIdx.x; j < p.columns; j += 4 * 256) {
      float v[4], w[4], b[4] = { 0, 0, 0, 0 };
      Four<X>::load(x + j, v);
      Four<W>::load(p.weight + j, w);
      if (p.bias) Four<W>::load(p.bias + j, b);
#pragma unroll
      for (int k = 0; k < 4; k++) v[k] = (v[k] - mean) * rstd * w[k] + b[k];
      Four<Y>::store(y + j, v);
    }
  } else {
    for (int j = threadIdx.x; j < p.columns; j += 256) {
      float b = p.bias ? value(p.bias[j]) : 0.0f;
      y[j] = Rounded<Y>::of((value(x[j]) - mean) * rstd * value(p.weight[j]) + b);
    }
  }
}

KERNEL(rms_norm, NormParams, 256) {
  __shared__ float scratch[8];
  const X* x = p.x + (i64)blockIdx.x * p.columns;
  float squares = row_sum(x, p.columns, p.vector, scratch, [] (float v) { return v * v; });
  float rstd = 1.0f / sqrtf(squares / p.columns + p.eps);
  if (p.rstd && threadIdx.x == 0) p.rstd[blockIdx.x] = rstd;
  write_row(p, 0.0f, rstd);
}

KERNEL(layer_norm, NormParams, 256) {
  __shared__ float scratch[8];
  const X* x = p.x + (i64)blockIdx.x * p.columns;
  float mean = row_sum(x, p.columns, p.vector, scratch, [] (float v) { return v; }) / p.columns;
  float squares = row_sum(x, p.columns, p.vector, scratch, [mean] (float v) { return (v - mean) * (v - mean); });
  float rstd = 1.0f / sqrtf(squares / p.columns + p.eps);
  if (threadIdx.x == 0) {
    if (p.mean) p.mean[blockIdx.x] = mean;
    if (p.rstd) p.rstd[blockIdx.x] = rstd;
  }
  write_row(p, mean, rstd);
}

// dx = rstd (g - n mean(g n) - mean(g)) with g = weight dy, n = (x - mean) rstd; RMSNorm has no mean.
struct NormBackwardParams { const X* x; const W* weight; const float* mean; const float* rstd; const X* dy; Y* dx; int columns, accumulate; };

KERNEL(norm_backward, NormBackwardParams, 256) {
  __shared__ float scratch[8];
  const X* x = p.x + (i64)blockIdx.x * p.columns;
  const X* dy = p.dy + (i64)blockIdx.x * p.columns;
  Y* dx = p.dx + (i64)blockIdx.x * p.columns;
  float mean = p.mean ? p.mean[blockIdx.x] : 0.0f, rstd = p.rstd[blockIdx.x];
  float along = 0.0f, plain = 0.0f;
  for (int j = threadIdx.x; j < p.columns; j += 256) {
    float g = value(dy[j]) * value(p.weight[j]);
    along += g * ((value(x[j]) - mean) * rstd);
    plain += g;
  }
  along = block_sum<256>(along, scratch) / p.columns;
  plain = p.mean ? block_sum<256>(plain, scratch) / p.columns : 0.0f;
  for (int j = threadIdx.x; j < p.columns; j += 256) {
    float g = value(dy[j]) * value(p.weight[j]), n = (value(x[j]) - mean) * rstd;
    float v = rstd * (g - plain - n * along);
    dx[j] = Rounded<Y>::of(p.accumulate ? v + value(dx[j]) : v);
  }
}
