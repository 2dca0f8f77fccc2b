// What every kernel file may use; it is put in front of each before compilation. No headers are needed.
// A kernel takes one struct by value, KERNEL(name, Params, threads) { ... p.x ... }, whose fields the C# struct of the same name
// lists in the same order.

typedef long long i64;
typedef unsigned long long u64;
typedef unsigned int u32;

#ifndef EMULATED

// Parameters marked as constant are never copied by threads that take their address; compilers before 11.7 lack the word.
#if __CUDACC_VER_MAJOR__ * 100 + __CUDACC_VER_MINOR__ >= 1107
#define CONSTANT_PARAMETER const __grid_constant__
#else
#define CONSTANT_PARAMETER const
#endif
#define KERNEL(name, Params, threads) extern "C" __global__ void __launch_bounds__(threads) name(CONSTANT_PARAMETER Params p)
#define DYNAMIC_SHARED(name) extern __shared__ __align__(128) unsigned char name[]

__device__ __forceinline__ float half_bits_to_float(unsigned short h) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
  return f;
}

__device__ __forceinline__ unsigned short float_to_half_bits(float f) {
  unsigned short h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(f));
  return h;
}

__device__ __forceinline__ unsigned short float_to_bf16_bits(float f) {
  unsigned short h;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(f));
  return h;
}

// Two floats rounded into one word, the first in the lower half.
__device__ __forceinline__ unsigned pack_bf16(float low, float high) {
  unsigned word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}

__device__ __forceinline__ unsigned pack_f16(float low, float high) {
  unsigned word;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}

// d += a b with a [16, 16], b [16, 8], d [16, 8], spread over a warp as the PTX manual shows for mma.m16n8k16.
__device__ __forceinline__ void mma_bf16(float* d, const unsigned* a, const unsigned* b) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ __forceinline__ unsigned shared_address(const void* p) { return (unsigned)__cvta_generic_to_shared(p); }

// Four 8 x 8 matrices of 16-bit elements from shared memory: lane i names row i of all their rows.
__device__ __forceinline__ void ldmatrix_x4(unsigned* r, const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

__device__ __forceinline__ void ldmatrix_x4_trans(unsigned* r, const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

// 16 bytes from global to shared memory, zeros where not valid; done only after cp_async_wait.
__device__ __forceinline__ void cp_async_16(void* shared, const void* global, bool valid) {
  int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(shared_address(shared)), "l"(global), "r"(bytes) : "memory");
}

__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// A power of two to about 2 ulp; results below the smallest normal number are 0.
__device__ __forceinline__ float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

template <int Pending> __device__ __forceinline__ void cp_async_wait() { asm volatile("cp.async.wait_group %0;" :: "n"(Pending) : "memory"); }

#endif

#define INFINITE __int_as_float(0x7f800000)

struct bf16 { unsigned short bits; };
struct f16 { unsigned short bits; };

__device__ __forceinline__ float value(float x) { return x; }
__device__ __forceinline__ float value(bf16 x) { return __uint_as_float((unsigned)x.bits << 16); }
__device__ __forceinline__ float value(f16 x) { return half_bits_to_float(x.bits); }

template <class T> struct Rounded;
template <> struct Rounded<float> { static __device__ __forceinline__ float of(float x) { return x; } };
template <> struct Rounded<bf16> { static __device__ __forceinline__ bf16 of(float x) { bf16 y; y.bits = float_to_bf16_bits(x); return y; } };
template <> struct Rounded<f16> { static __device__ __forceinline__ f16 of(float x) { f16 y; y.bits = float_to_half_bits(x); return y; } };

// Four elements with one load or store. The address is a multiple of their size.
template <class T> struct Four;
template <> struct Four<float> {
  static __device__ __forceinline__ void load(const float* p, float* v) {
    float4 x = *(const float4*)p;
    v[0] = x.x; v[1] = x.y; v[2] = x.z; v[3] = x.w;
  }
  static __device__ __forceinline__ void store(float* p, const float* v) {
    float4 x;
    x.x = v[0]; x.y = v[1]; x.z = v[2]; x.w = v[3];
    *(float4*)p = x;
  }
};
template <> struct Four<bf16> {
  static __device__ __forceinline__ void load(const bf16* p, float* v) {
    uint2 x = *(const uint2*)p;
    v[0] = __uint_as_float(x.x << 16); v[1] = __uint_as_float(x.x & 0xffff0000u);
    v[2] = __uint_as_float(x.y << 16); v[3] = __uint_as_float(x.y & 0xffff0000u);
  }
  static __device__ __forceinline__ void store(bf16* p, const float* v) {
    uint2 x;
    x.x = pack_bf16(v[0], v[1]); x.y = pack_bf16(v[2], v[3]);
    *(uint2*)p = x;
  }
};
template <> struct Four<f16> {
  static __device__ __forceinline__ void load(const f16* p, float* v) {
    uint2 x = *(const uint2*)p;
    v[0] = half_bits_to_float((unsigned short)x.x); v[1] = half_bits_to_float((unsigned short)(x.x >> 16));
    v[2] = half_bits_to_float((unsigned short)x.y); v[3] = half_bits_to_float((unsigned short)(x.y >> 16));
  }
  static __device__ __forceinline__ void store(f16* p, const float* v) {
    uint2 x;
    x.x = pack_f16(v[0], v[1]); x.y = pack_f16(v[2], v[3]);
    *(uint2*)p = x;
  }
};

template <class T> __device__ __forceinline__ T warp_sum(T x) {
#pragma unroll
  for (int i = 16; i; i >>= 1) x += __shfl_xor_sync(0xffffffffu, x, i);
  return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
  for (int i = 16; i; i >>= 1) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, i));
  return x;
}

// Sum over a block of Threads, the same bits in every thread; scratch holds Threads / 32 values and is free again afterwards.
template <int Threads, class T> __device__ __forceinline__ T block_sum(T x, T* scratch) {
  x = warp_sum(x);
  if (Threads == 32) return x;
  if ((threadIdx.x & 31) == 0) scratch[threadIdx.x >> 5] = x;
  __syncthreads();
  T sum = scratch[0];
#pragma unroll
  for (int i = 1; i < Threads / 32; i++) sum += scratch[i];
  __syncthreads();
  return sum;
}

template <int Threads> __device__ __forceinline__ float block_max(float x, float* scratch) {
  x = warp_max(x);
  if (Threads == 32) return x;
  if ((threadIdx.x & 31) == 0) scratch[threadIdx.x >> 5] = x;
  __syncthreads();
  float most = scratch[0];
#pragma unroll
  for (int i = 1; i < Threads / 32; i++) most = fmaxf(most, scratch[i]);
  __syncthreads();
  return most;
}
