// Rows by index: one block per row of the list. X is the type of what is read, Y of what is written.

struct RowsParams { const X* x; const int* ids; Y* y; int* fault; int count, limit, columns, vector; };

// Whether an index may be followed; the first bad one is reported.
__device__ __forceinline__ bool valid(const RowsParams& p, int i) {
  int id = p.ids[i];
  if (id >= 0 && id < p.limit) return true;
  if (threadIdx.x == 0 && p.fault[0] == 0) {
    p.fault[1] = id; p.fault[2] = i; p.fault[3] = p.limit; p.fault[0] = 1;
  }
  return false;
}

__device__ __forceinline__ void copy_row(const X* x, Y* y, int columns, int vector) {
  if (vector) {
    for (int j = 4 * threadIdx.x; j < columns; j += 4 * 256) {
      float v[4];
      Four<X>::load(x + j, v);
      Four<Y>::store(y + j, v);
    }
  } else {
    for (int j = threadIdx.x; j < columns; j += 256) y[j] = Rounded<Y>::of(value(x[j]));
  }
}

KERNEL(gather_rows, RowsParams, 256) {
  int i = blockIdx.x;
  if (valid(p, i)) copy_row(p.x + (i64)p.ids[i] * p.columns, p.y + (i64)i * p.columns, p.columns, p.vector);
}

KERNEL(scatter_rows, RowsParams, 256) {
  int i = blockIdx.x;
  if (valid(p, i)) copy_row(p.x + (i64)i * p.columns, p.y + (i64)p.ids[i] * p.columns, p.columns, p.vector);
}

// The block of the first row of an id adds all rows of that id, in their order; blocks of later rows have nothing to do.
KERNEL(scatter_add_rows, RowsParams, 256) {
  __shared__ unsigned found[8];
  int i = blockIdx.x;
  if (!valid(p, i)) return;
  int id = p.ids[i];
  for (int base = 0; base < i; base += 256) {
    int j = base + threadIdx.x;
    unsigned same = __ballot_sync(0xffffffffu, j < i && p.ids[j] == id);
    if ((threadIdx.x & 31) == 0) found[threadIdx.x >> 5] = same;
    __syncthreads();
    bool earlier = false;
    for (int w = 0; w < 8; w++) earlier |= found[w] != 0;
    __syncthreads();
    if (earlier) return;
  }
  Y* y = p.y + (i64)id * p.columns;
  for (int base = i; base < p.count; base += 256) {
    int j = base + threadIdx.x;
    unsigned same = __ballot_sync(0xffffffffu, j < p.count && p.ids[j] == id);
    if ((threadIdx.x & 31) == 0) found[threadIdx.x >> 5] = same;
    __syncthreads();
    for (int w = 0; w < 8; w++) {
      for (unsigned bits = found[w]; bits; bits &= bits - 1) {
        const X* x = p.x + (i64)(base + 32 * w + __ffs((int)bits) - 1) * p.columns;
        for (int c = threadIdx.x; c < p.columns; c += 256) y[c] = Rounded<Y>::of(value(y[c]) + value(x[c]));
      }
    }
    __syncthreads();
  }
}
