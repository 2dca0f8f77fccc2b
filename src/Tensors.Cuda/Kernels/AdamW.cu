// One step of AdamW in the order of torch.optim.AdamW; factors come formed in double. clip reads the gradient's norm where given.

struct AdamWParams {
  float* param; const float* grad; float* m; float* v; const float* norm; i64 n;
  float max_norm, decay, weight1, beta2, weight2, root, epsilon, rate;
};

KERNEL(adamw, AdamWParams, 256) {
  i64 i = (i64)blockIdx.x * 256 + threadIdx.x;
  if (i >= p.n) return;
  float clip = 1.0f;
  if (p.norm) {
    // Written so that a NaN norm gives NaN, as a minimum taken by comparison does.
    float ratio = p.max_norm / (*p.norm + 1e-6f);
    clip = ratio >= 1.0f ? 1.0f : ratio;
  }
  float g = p.grad[i] * clip, w = p.param[i] * p.decay;
  float m = fmaf(p.weight1, g - p.m[i], p.m[i]);
  float v = fmaf(p.weight2 * g, g, p.v[i] * p.beta2);
  p.m[i] = m;
  p.v[i] = v;
  p.param[i] = w + p.rate * m / (sqrtf(v) / p.root + p.epsilon);
}
