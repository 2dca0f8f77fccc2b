// Element j of row i is kept when the uniform number keyed by (keys[i], module, j) is at least p: the same numbers as on the host.

struct DropoutParams { const X* x; const u64* keys; Y* y; u64 module; i64 quads; int columns, quads_per_row; unsigned threshold; float scale; int accumulate; };

__device__ __forceinline__ u64 mix(u64 state, u64 part) {
  u64 z = state + part + 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31) ^ (state << 23 | state >> 41);
}

// Philox4x32-10, Salmon et al. 2011.
__device__ __forceinline__ void philox(u64 key, u64 counter, unsigned* c) {
  unsigned k0 = (unsigned)key, k1 = (unsigned)(key >> 32);
  c[0] = (unsigned)counter; c[1] = (unsigned)(counter >> 32); c[2] = 0; c[3] = 0;
#pragma unroll
  for (int round = 0; round < 10; round++) {
    unsigned high0 = __umulhi(0xD2511F53u, c[0]), low0 = 0xD2511F53u * c[0], high1 = __umulhi(0xCD9E8D57u, c[2]), low1 = 0xCD9E8D57u * c[2];
    c[0] = high1 ^ c[1] ^ k0; c[1] = low1;
    c[2] = high0 ^ c[3] ^ k1; c[3] = low0;
    k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
  }
}

// A thread draws for four columns at once, as the generator gives them.
KERNEL(dropout, DropoutParams, 256) {
  i64 quad = (i64)blockIdx.x * 256 + threadIdx.x;
  if (quad >= p.quads) return;
  i64 row = quad / p.quads_per_row;
  int column = 4 * (int)(quad - row * p.quads_per_row);
  unsigned words[4];
  philox(mix(mix(0x243F6A8885A308D3ull, p.keys[row]), p.module), (u64)(column / 4), words);
  for (int k = 0; k < 4 && column + k < p.columns; k++) {
    i64 i = row * p.columns + column + k;
    float y = (words[k] >> 8) >= p.threshold ? value(p.x[i]) * p.scale : 0.0f;
    p.y[i] = Rounded<Y>::of(p.accumulate ? y + value(p.y[i]) : y);
  }
}
