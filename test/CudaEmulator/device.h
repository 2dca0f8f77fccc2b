// The CUDA dialect of the kernels, for an ordinary C++ compiler: one operating-system thread runs the threads of a block as
// fibers, which change places at barriers and warp operations. Made for checking results, not for speed.
//
// What it finds that a GPU would not say: barriers and warp operations that not all threads reach, shared memory read before
// it is written (it starts as NaN), results that depend on the order of threads and warps, and so many a missing barrier (the order
// alternates from launch to launch), asynchronous copies used before they are waited for or into memory that is still read (they
// happen at once or when waited for, in turn), parameters of another size.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <type_traits>
#include <vector>

#define EMULATED 1
#define __device__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __shared__ static __attribute__((section("emu_shared")))
#define __align__(n) alignas(n)
#define __launch_bounds__(...)

// Where the linker puts the shared arrays of a module.
extern "C" unsigned char __start_emu_shared[] __attribute__((weak, visibility("hidden")));
extern "C" unsigned char __stop_emu_shared[] __attribute__((weak, visibility("hidden")));

namespace emu {

struct Dims { unsigned gx, gy, gz, bx, by, bz, shared; };
struct Index { unsigned x, y, z; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };

constexpr int kMaxThreads = 1024;
constexpr size_t kStack = 256 << 10;
constexpr size_t kSlot = 64;

enum Wait { Running, AtBarrier, AtWarp, Done };

struct Copy { void* to; const void* from; int bytes, zero; };

struct Fiber {
  void* stack_pointer;
  Wait wait;
  unsigned mask, kind, turn;
  alignas(16) unsigned char slot[2][kSlot];
  std::vector<std::vector<Copy>> groups;
  std::vector<Copy> open;
};

static Index thread_index, block_index, block_dim, grid_dim;
static Fiber* fibers;
static unsigned char* stacks;
static unsigned char* dynamic_shared;
static size_t dynamic_capacity;
static void* scheduler;
static int current, thread_count;
static void (*body)(const void*);
static const void* parameters;
static const char* failure;
static unsigned launches;
static std::vector<void*> finished;

extern "C" void emu_switch(void** save, void* load);
asm(R"(
.text
.type emu_switch, @function
emu_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.size emu_switch, .-emu_switch
)");

static inline void yield_now() { emu_switch(&fibers[current].stack_pointer, scheduler); }

static inline void wait_at(Wait kind, unsigned mask, unsigned what) {
  Fiber& f = fibers[current];
  f.wait = kind; f.mask = mask; f.kind = what;
  yield_now();
}

[[noreturn]] static inline void fail(const char* why) {
  if (!failure) failure = why;
  fibers[current].wait = Done;
  for (;;) yield_now();
}

static void entry() {
  body(parameters);
  if (!fibers[current].open.empty() || !fibers[current].groups.empty()) fail("a thread ends with asynchronous copies under way");
  fibers[current].wait = Done;
  for (;;) yield_now();
}

static inline void set_index(int t) {
  current = t;
  thread_index = { t % block_dim.x, t / block_dim.x % block_dim.y, t / (block_dim.x * block_dim.y) };
}

static void prepare(int t) {
  Fiber& f = fibers[t];
  f.wait = Running; f.turn = 0;
  f.groups.clear(); f.open.clear();
  auto* top = reinterpret_cast<void**>(stacks + (t + 1) * kStack);
  *--top = nullptr;                                  // keeps the stack aligned as after a call
  *--top = reinterpret_cast<void*>(&entry);
  for (int i = 0; i < 6; i++) *--top = nullptr;
  f.stack_pointer = top;
}

// Lets go the named lanes of a warp that are at the same operation.
static bool release_warp(int w) {
  bool any = false;
  for (int lane = 0; lane < 32 && w + lane < thread_count; lane++) {
    Fiber& first = fibers[w + lane];
    if (first.wait != AtWarp) continue;
    bool all = (first.mask >> lane & 1) != 0;
    if (!all) { failure = "a lane takes part in a warp operation whose mask does not name it"; return false; }
    for (int other = 0; other < 32 && all; other++) {
      if (!(first.mask >> other & 1)) continue;
      if (w + other >= thread_count) { failure = "a warp operation names lanes that the block does not have"; return false; }
      Fiber& f = fibers[w + other];
      all = f.wait == AtWarp && f.mask == first.mask && f.kind == first.kind;
    }
    if (!all) continue;
    unsigned mask = first.mask;
    for (int other = 0; other < 32; other++) if (mask >> other & 1) fibers[w + other].wait = Running;
    any = true;
  }
  return any;
}

// Lets go who may: a whole block at a barrier, or lanes of warps.
static bool release() {
  int done = 0, barrier = 0;
  bool any = false;
  for (int t = 0; t < thread_count; t++) { done += fibers[t].wait == Done; barrier += fibers[t].wait == AtBarrier; }
  if (barrier && barrier + done == thread_count) {
    for (int t = 0; t < thread_count; t++) if (fibers[t].wait == AtBarrier) fibers[t].wait = Running;
    return true;
  }
  for (int w = 0; w < thread_count && !failure; w += 32) any |= release_warp(w);
  return any;
}

// One turn of the threads from first on, in the order of this launch.
static bool run_threads(int first, int count) {
  bool ran = false;
  for (int k = 0; k < count && !failure; k++) {
    int t = first + (launches & 1 ? count - 1 - k : k);
    if (fibers[t].wait != Running) continue;
    set_index(t);
    emu_switch(&scheduler, fibers[t].stack_pointer);
    ran = true;
  }
  return ran;
}

// All warps take turns at every warp operation, or one after another goes as far as it can, up to the next barrier: between two
// barriers a GPU may do either.
static bool run_all() {
  if (launches & 2) return run_threads(0, thread_count);
  bool ran = false;
  int warps = (thread_count + 31) / 32;
  for (int k = 0; k < warps && !failure; k++) {
    int w = 32 * (launches & 1 ? warps - 1 - k : k);
    do ran |= run_threads(w, std::min(32, thread_count - w)); while (!failure && release_warp(w));
  }
  return ran;
}

static void run_block() {
  thread_count = block_dim.x * block_dim.y * block_dim.z;
  for (int t = 0; t < thread_count; t++) prepare(t);
  if (dynamic_capacity) memset(dynamic_shared, 0xFF, dynamic_capacity);
  if (__start_emu_shared) memset(__start_emu_shared, 0xFF, __stop_emu_shared - __start_emu_shared);
  for (;;) {
    bool ran = run_all();
    if (failure) return;
    if (release()) continue;
    if (failure) return;
    bool left = false;
    for (int t = 0; t < thread_count; t++) left |= fibers[t].wait != Done;
    if (!left) return;
    if (!ran) { failure = "threads wait for others that never come: a barrier or a warp operation that not all reach"; return; }
  }
}

static const char* launch(void (*kernel)(const void*), const void* p, Dims d, int bound) {
  if (!fibers) {
    fibers = new Fiber[kMaxThreads];
    stacks = static_cast<unsigned char*>(mmap(nullptr, kMaxThreads * kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  }
  if (d.bx * d.by * d.bz > (unsigned)bound) return "more threads in a block than the kernel's launch bound";
  free(dynamic_shared);
  dynamic_capacity = d.shared;
  dynamic_shared = static_cast<unsigned char*>(aligned_alloc(256, (d.shared + 511) / 256 * 256));
  body = kernel; parameters = p; failure = nullptr; launches++;
  grid_dim = { d.gx, d.gy, d.gz }; block_dim = { d.bx, d.by, d.bz };
  for (unsigned z = 0; z < d.gz; z++)
    for (unsigned y = 0; y < d.gy; y++)
      for (unsigned x = 0; x < d.gx; x++) {
        unsigned i = launches & 2 ? d.gx - 1 - x : x;
        block_index = { i, y, z };
        run_block();
        if (failure) return failure;
      }
  return nullptr;
}

// One exchange within a warp: every named lane puts a value down, waits, and may then read the others'.
template <class T> static inline const Fiber* exchange(unsigned mask, const T& value, unsigned kind) {
  static_assert(sizeof(T) <= kSlot, "too large for a lane's slot");
  Fiber& f = fibers[current];
  memcpy(f.slot[f.turn++ & 1], &value, sizeof(T));
  wait_at(AtWarp, mask, kind);
  return &fibers[current & ~31];
}

template <class T> static inline T from_lane(const Fiber* warp, int lane) {
  T value;
  memcpy(&value, warp[lane].slot[(fibers[current].turn - 1) & 1], sizeof(T));
  return value;
}

static inline void finish_group(Fiber& f) {
  for (const Copy& c : f.groups.front()) {
    memcpy(c.to, c.from, c.bytes - c.zero);
    memset(static_cast<char*>(c.to) + c.bytes - c.zero, 0, c.zero);
  }
  f.groups.erase(f.groups.begin());
}

}  // namespace emu

using emu::float2; using emu::float4; using emu::uint2; using emu::uint4;
#define threadIdx emu::thread_index
#define blockIdx emu::block_index
#define blockDim emu::block_dim
#define gridDim emu::grid_dim

static inline void __syncthreads() { emu::wait_at(emu::AtBarrier, 0, 0); }
static inline void __syncwarp(unsigned mask = 0xffffffffu) { emu::exchange(mask, 0, 1); }
template <class T> static inline T __shfl_xor_sync(unsigned mask, T v, int lane) { auto* w = emu::exchange(mask, v, 2); return emu::from_lane<T>(w, (emu::current & 31) ^ lane); }
template <class T> static inline T __shfl_sync(unsigned mask, T v, int lane) { auto* w = emu::exchange(mask, v, 3); return emu::from_lane<T>(w, lane & 31); }
template <class T> static inline T __shfl_down_sync(unsigned mask, T v, int by) {
  auto* w = emu::exchange(mask, v, 4);
  int lane = (emu::current & 31) + by;
  return lane < 32 ? emu::from_lane<T>(w, lane) : v;
}
static inline unsigned __ballot_sync(unsigned mask, int predicate) {
  auto* w = emu::exchange(mask, predicate, 5);
  unsigned bits = 0;
  for (int lane = 0; lane < 32; lane++) if ((mask >> lane & 1) && emu::from_lane<int>(w, lane)) bits |= 1u << lane;
  return bits;
}

static inline float __int_as_float(int x) { float y; memcpy(&y, &x, 4); return y; }
static inline int __float_as_int(float x) { int y; memcpy(&y, &x, 4); return y; }
static inline float __uint_as_float(unsigned x) { float y; memcpy(&y, &x, 4); return y; }
static inline unsigned __float_as_uint(float x) { unsigned y; memcpy(&y, &x, 4); return y; }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
static inline float rsqrtf(float x) { return (float)(1.0 / std::sqrt((double)x)); }
static inline float __fdividef(float a, float b) { return a / b; }
#define __expf expf
static inline float __fmul_rn(float a, float b) { volatile float c = a * b; return c; }
static inline float __fadd_rn(float a, float b) { volatile float c = a + b; return c; }
static inline float __fsub_rn(float a, float b) { volatile float c = a - b; return c; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return std::sqrt(a); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
template <class T> static inline T __ldg(const T* p) { return *p; }
static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
static inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
static inline long long min(long long a, long long b) { return a < b ? a : b; }
static inline long long max(long long a, long long b) { return a > b ? a : b; }

// A kernel: its body, the size of its parameters, and the entry that the emulated driver calls.
#define KERNEL(name, Params, threads)                                                                        \
  static void name##_body(const Params& p);                                                                  \
  extern "C" unsigned name##_bytes() { return sizeof(Params); }                                              \
  extern "C" const char* name(const void* q, emu::Dims d) {                                                  \
    return emu::launch([](const void* r) { name##_body(*static_cast<const Params*>(r)); }, q, d, threads);   \
  }                                                                                                          \
  static void name##_body(const Params& p)

#define DYNAMIC_SHARED(name) unsigned char* name = emu::dynamic_shared

#include "instructions.h"
