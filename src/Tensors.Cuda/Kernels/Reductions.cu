// Sums in two steps: parts whose borders follow from the shape, then the parts in their order, in double. No atomics.

// parts[chunk, j] = sum over the rows of a chunk of x[i, j] (times z[i, j], normalised by mean and rstd of the row where given).
struct ColumnsParams { const X* x; const X* z; const float* mean; const float* rstd; float* parts; i64 rows; int columns, chunk; };

KERNEL(sum_columns, ColumnsParams, 256) {
  __shared__ double sums[8][33];
  int lane = threadIdx.x & 31, group = threadIdx.x >> 5, j = blockIdx.x * 32 + lane;
  i64 first = (i64)blockIdx.y * p.chunk, end = min(first + p.chunk, p.rows);
  double sum = 0.0;
  if (j < p.columns) {
    for (i64 i = first + group; i < end; i += 8) {
      float v = value(p.x[i * p.columns + j]);
      if (p.z) {
        float z = value(p.z[i * p.columns + j]);
        if (p.rstd) z = (z - (p.mean ? p.mean[i] : 0.0f)) * p.rstd[i];
        v *= z;
      }
      sum += v;
    }
  }
  sums[group][lane] = sum;
  __syncthreads();
  if (group == 0 && j < p.columns) {
    for (int g = 1; g < 8; g++) sum += sums[g][lane];
    p.parts[(i64)blockIdx.y * p.columns + j] = (float)sum;
  }
}

struct FinishColumnsParams { const float* parts; float* y; int columns, chunks, accumulate; };

KERNEL(finish_columns, FinishColumnsParams, 256) {
  int j = blockIdx.x * 256 + threadIdx.x;
  if (j >= p.columns) return;
  double sum = 0.0;
  for (int i = 0; i < p.chunks; i++) sum += p.parts[(i64)i * p.columns + j];
  p.y[j] = (float)(p.accumulate ? p.y[j] + sum : sum);
}

// parts[block] = sum of 16384 elements of x (times z), in double: the product of two floats is exact.
struct TotalParams { const X* x; const X* z; double* parts; i64 n; };

KERNEL(total, TotalParams, 256) {
  __shared__ double scratch[8];
  i64 first = (i64)blockIdx.x * 16384, end = min(first + 16384, p.n);
  double sum = 0.0;
  for (i64 i = first + threadIdx.x; i < end; i += 256) {
    double v = value(p.x[i]);
    sum += p.z ? v * (double)value(p.z[i]) : v;
  }
  sum = block_sum<256>(sum, scratch);
  if (threadIdx.x == 0) p.parts[blockIdx.x] = sum;
}

// y = f(sum of the parts) (+ y); f is the square root where root is set.
struct FinishTotalParams { const double* parts; float* y; i64 n; int root, accumulate; };

KERNEL(finish_total, FinishTotalParams, 256) {
  __shared__ double scratch[8];
  double sum = 0.0;
  for (i64 i = threadIdx.x; i < p.n; i += 256) sum += p.parts[i];
  sum = block_sum<256>(sum, scratch);
  if (threadIdx.x == 0) {
    if (p.root) sum = sqrt(sum);
    *p.y = (float)(p.accumulate ? *p.y + sum : sum);
  }
}

// The squares of many tensors: each block finds the tensor that its part belongs to in a table of first parts.
struct SquaresParams { const float* const* tensors; const i64* counts; const i64* first_part; double* parts; int count; };

KERNEL(squares, SquaresParams, 256) {
  __shared__ double scratch[8];
  int low = 0, high = p.count - 1;
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (p.first_part[middle] <= (i64)blockIdx.x) low = middle; else high = middle - 1;
  }
  const float* x = p.tensors[low];
  i64 first = ((i64)blockIdx.x - p.first_part[low]) * 16384, end = min(first + 16384, p.counts[low]);
  double sum = 0.0;
  for (i64 i = first + threadIdx.x; i < end; i += 256) sum += (double)x[i] * x[i];
  sum = block_sum<256>(sum, scratch);
  if (threadIdx.x == 0) p.parts[blockIdx.x] = sum;
}
