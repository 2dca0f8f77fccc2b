// Losses of rows of logits, and softmax - onehot, which may take the place of the logits: one block per row.

struct CrossEntropyParams { const X* logits; const int* labels; float* loss; Y* gradient; int* fault; int columns, vector; };

KERNEL(cross_entropy, CrossEntropyParams, 512) {
  __shared__ float scratch[16];
  const int V = p.columns;
  const X* x = p.logits + (i64)blockIdx.x * V;
  int label = p.labels[blockIdx.x];
  if (label < 0 || label >= V) {
    if (threadIdx.x == 0 && p.fault[0] == 0) {
      p.fault[1] = label; p.fault[2] = blockIdx.x; p.fault[3] = V; p.fault[0] = 2;
    }
    return;
  }
  float expected = value(x[label]);
  float most = -INFINITE, sum = 0.0f;
  if (p.vector) {
    for (int j = 4 * threadIdx.x; j < V; j += 4 * 512) {
      float v[4];
      Four<X>::load(x + j, v);
      float m = fmaxf(fmaxf(v[0], v[1]), fmaxf(v[2], v[3]));
      if (m > most) { sum *= expf(most - m); most = m; }
#pragma unroll
      for (int k = 0; k < 4; k++) sum += v[k] == -INFINITE ? 0.0f : expf(v[k] - most);
    }
  } else {
    for (int j = threadIdx.x; j < V; j += 512) {
      float v = value(x[j]);
      if (v > most) { sum *= expf(most - v); most = v; }
      sum += v == -INFINITE ? 0.0f : expf(v - most);
    }
  }
  float top = block_max<512>(most, scratch);
  // A NaN is lost in a maximum, but not in the sums.
  sum = block_sum<512>(most == -INFINITE && sum == 0.0f ? 0.0f : sum * expf(most - top), scratch);
  if (threadIdx.x == 0) p.loss[blockIdx.x] = (top - expected) + logf(sum);
  if (!p.gradient) return;
  Y* d = p.gradient + (i64)blockIdx.x * V;
  float scale = 1.0f / sum;
  __syncthreads();
  if (p.vector) {
    for (int j = 4 * threadIdx.x; j < V; j += 4 * 512) {
      float v[4];
      Four<X>::load(x + j, v);
#pragma unroll
      for (int k = 0; k < 4; k++) v[k] = expf(v[k] - top) * scale - (j + k == label ? 1.0f : 0.0f);
      Four<Y>::store(d + j, v);
    }
  } else {
    for (int j = threadIdx.x; j < V; j += 512) d[j] = Rounded<Y>::of(expf(value(x[j]) - top) * scale - (j == label ? 1.0f : 0.0f));
  }
}
