// Attention in f32, one warp per row: any head width up to 256, any segments. BF16 rounds q, k and v first.
// A lane scores one key of 32, then the warp walks over those keys with the head's columns spread over its lanes.

struct Segment { int query, queries, key, keys; };

struct AttentionParams {
  const X* q; const X* k; const X* v; const X* out; const float* lse; const X* d_out;
  Y* result; float* lse_out; Y* d_k; Y* d_v;
  const Segment* segments; const int* segment_of; const unsigned char* mask;
  int rows, heads, kv_heads, width, segment_count, causal, window; float scale;
};

constexpr int kParts = 8;      // columns of a head per lane, at most
constexpr int kWarps = 4;

__device__ __forceinline__ float operand(X x) { return BF16 ? value(Rounded<bf16>::of(value(x))) : value(x); }

__device__ __forceinline__ float dot(const float* a, const X* b, int width) {
  float sum = 0.0f;
  for (int c = 0; c < width; c++) sum += a[c] * operand(b[c]);
  return sum;
}

// The keys [first, end) of its segment that query i sees, counted within the segment.
__device__ __forceinline__ void visible(const AttentionParams& p, const Segment& s, int i, int* first, int* end) {
  *first = 0;
  *end = s.keys;
  if (p.causal) {
    int last = i + s.keys - s.queries;
    *end = min(s.keys, last + 1);
    if (p.window > 0) *first = max(0, last - p.window + 1);
  }
}

KERNEL(attention, AttentionParams, 128) {
  __shared__ float queries[kWarps][256];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  i64 row = (i64)blockIdx.x * kWarps + warp;
  if (row >= (i64)p.rows * p.heads) return;
  int t = (int)(row / p.heads), h = (int)(row % p.heads), D = p.width;
  float* q = queries[warp];
  for (int c = lane; c < D; c += 32) q[c] = operand(p.q[row * D + c]);
  __syncwarp();
  float most = -INFINITE, sum = 0.0f, acc[kParts];
#pragma unroll
  for (int i = 0; i < kParts; i++) acc[i] = 0.0f;
  if (p.segment_of[t] >= 0) {
    Segment s = p.segments[p.segment_of[t]];
    int first, end;
    visible(p, s, t - s.query, &first, &end);
    i64 column = (i64)(h / (p.heads / p.kv_heads)) * D, stride = (i64)p.kv_heads * D;
    for (int base = first; base < end; base += 32) {
      int key = s.key + base + lane;
      bool seen = base + lane < end && !(p.mask && !p.mask[key]);
      float score = seen ? p.scale * dot(q, p.k + key * stride + column, D) : -INFINITE;
      float top = warp_max(score);
      // A NaN is lost in a maximum; as a score it must reach the sum.
      float larger = fmaxf(most, top), weight = score == -INFINITE ? 0.0f : expf(score - larger);
      float keep = most == -INFINITE ? 0.0f : expf(most - larger);
      sum = sum * keep + warp_sum(weight);
      most = larger;
#pragma unroll
      for (int i = 0; i < kParts; i++) acc[i] *= keep;
      for (int j = 0; j < min(32, end - base); j++) {
        float w = __shfl_sync(0xffffffffu, weight, j);
        if (w == 0.0f) continue;
        const X* v = p.v + (i64)(s.key + base + j) * stride + column;
        for (int i = 0; i * 32 + lane < D; i++) acc[i] += w * operand(v[i * 32 + lane]);
      }
    }
  }
  float scale = sum == 0.0f ? 0.0f : 1.0f / sum;
  for (int i = 0; i * 32 + lane < D; i++) p.result[row * D + i * 32 + lane] = Rounded<Y>::of(acc[i] * scale);
  if (p.lse_out && lane == 0) p.lse_out[row] = sum == 0.0f ? -INFINITE : most + logf(sum);
}

// dq of one row: sum over keys of ds k, ds = p (dp - delta) scale, dp = dout . v, delta = dout . out.
KERNEL(attention_backward_queries, AttentionParams, 128) {
  __shared__ float queries[kWarps][256], gradients[kWarps][256];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  i64 row = (i64)blockIdx.x * kWarps + warp;
  if (row >= (i64)p.rows * p.heads) return;
  int t = (int)(row / p.heads), h = (int)(row % p.heads), D = p.width;
  float* q = queries[warp];
  float* g = gradients[warp];
  float delta = 0.0f, acc[kParts];
#pragma unroll
  for (int i = 0; i < kParts; i++) acc[i] = 0.0f;
  for (int c = lane; c < D; c += 32) {
    q[c] = operand(p.q[row * D + c]);
    g[c] = value(p.d_out[row * D + c]);
    delta += g[c] * value(p.out[row * D + c]);
  }
  delta = warp_sum(delta);
  __syncwarp();
  float lse = p.lse[row];
  if (p.segment_of[t] >= 0 && lse != -INFINITE) {
    Segment s = p.segments[p.segment_of[t]];
    int first, end;
    visible(p, s, t - s.query, &first, &end);
    i64 column = (i64)(h / (p.heads / p.kv_heads)) * D, stride = (i64)p.kv_heads * D;
    for (int base = first; base < end; base += 32) {
      int key = s.key + base + lane;
      bool seen = base + lane < end && !(p.mask && !p.mask[key]);
      float ds = 0.0f;
      if (seen) {
        float weight = expf(p.scale * dot(q, p.k + key * stride + column, D) - lse);
        ds = weight * (dot(g, p.v + key * stride + column, D) - delta) * p.scale;
      }
      for (int j = 0; j < min(32, end - base); j++) {
        float w = __shfl_sync(0xffffffffu, ds, j);
        const X* k = p.k + (i64)(s.key + base + j) * stride + column;
        for (int i = 0; i * 32 + lane < D; i++) acc[i] += w * operand(k[i * 32 + lane]);
      }
    }
  }
  for (int i = 0; i * 32 + lane < D; i++) p.result[row * D + i * 32 + lane] = Rounded<Y>::of(acc[i]);
}

// delta[row] = dout . out, for the keys' kernel.
KERNEL(attention_delta, AttentionParams, 128) {
  int lane = threadIdx.x & 31;
  i64 row = (i64)blockIdx.x * kWarps + (threadIdx.x >> 5);
  if (row >= (i64)p.rows * p.heads) return;
  float delta = 0.0f;
  for (int c = lane; c < p.width; c += 32) delta += value(p.d_out[row * p.width + c]) * value(p.out[row * p.width + c]);
  delta = warp_sum(delta);
  if (lane == 0) p.lse_out[row] = delta;
}

// dk and dv of one key and head, over all segments that hold the key and all query heads that read it, in rising order.
// rows counts keys here; lse_out holds the deltas.
KERNEL(attention_backward_keys, AttentionParams, 128) {
  __shared__ float keys[kWarps][256], values[kWarps][256];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  i64 row = (i64)blockIdx.x * kWarps + warp;
  if (row >= (i64)p.rows * p.kv_heads) return;
  int key = (int)(row / p.kv_heads), head = (int)(row % p.kv_heads), D = p.width, group = p.heads / p.kv_heads;
  float* k = keys[warp];
  float* v = values[warp];
  float dk[kParts], dv[kParts];
#pragma unroll
  for (int i = 0; i < kParts; i++) dk[i] = dv[i] = 0.0f;
  for (int c = lane; c < D; c += 32) {
    k[c] = operand(p.k[row * D + c]);
    v[c] = operand(p.v[row * D + c]);
  }
  __syncwarp();
  bool hidden = p.mask && !p.mask[key];
  for (int n = 0; n < p.segment_count && !hidden; n++) {
    Segment s = p.segments[n];
    int place = key - s.key;
    if (place < 0 || place >= s.keys) continue;
    int first = 0, end = s.queries;
    if (p.causal) {
      first = max(0, place - (s.keys - s.queries));
      if (p.window > 0) end = min(end, place - (s.keys - s.queries) + p.window);
    }
    for (int h = head * group; h < (head + 1) * group; h++) {
      for (int base = first; base < end; base += 32) {
        float weight = 0.0f, ds = 0.0f;
        if (base + lane < end) {
          i64 at = (i64)(s.query + base + lane) * p.heads + h;
          float lse = p.lse[at], score = 0.0f, dp = 0.0f;
          for (int c = 0; c < D; c++) {
            score += k[c] * operand(p.q[at * D + c]);
            dp += v[c] * value(p.d_out[at * D + c]);
          }
          weight = lse == -INFINITE ? 0.0f : expf(p.scale * score - lse);
          ds = weight * (dp - p.lse_out[at]) * p.scale;
        }
        for (int j = 0; j < min(32, end - base); j++) {
          float w = __shfl_sync(0xffffffffu, weight, j), d = __shfl_sync(0xffffffffu, ds, j);
          i64 at = ((i64)(s.query + base + j) * p.heads + h) * D;
          for (int i = 0; i * 32 + lane < D; i++) {
            dk[i] += d * operand(p.q[at + i * 32 + lane]);
            dv[i] += w * value(p.d_out[at + i * 32 + lane]);
          }
        }
      }
    }
  }
  for (int i = 0; i * 32 + lane < D; i++) {
    p.d_k[row * D + i * 32 + lane] = Rounded<Y>::of(dk[i]);
    p.d_v[row * D + i * 32 + lane] = Rounded<Y>::of(dv[i]);
  }
}
