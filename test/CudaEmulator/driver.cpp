// A CUDA driver, cuBLASLt and NVRTC that compute on the host: the same C functions under the same names, as far as Lorikeet
// calls them. Work of a stream is queued and done when somebody waits for it, so that memory that is reused or read too early
// gives wrong results here as it would on a GPU. Kernels are compiled by g++ against device.h.
#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

namespace {

enum { kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kInvalidImage = 200, kNotFound = 500, kLaunchFailed = 719 };
constexpr size_t kQueue = 4096;

std::recursive_mutex gate;          // kernels keep their state in statics: one at a time
std::deque<std::function<int()>> queue;
int sticky = 0;                     // as on a GPU, a failed kernel fails everything after it
std::string last_message;
std::map<void*, size_t> allocations;
size_t allocated = 0;
const size_t kTotal = getenv("CUDA_EMULATOR_MIB") ? size_t(atoll(getenv("CUDA_EMULATOR_MIB"))) << 20 : size_t(1) << 34;

struct Module { void* library; std::string path; };
struct Dims { unsigned gx, gy, gz, bx, by, bz, shared; };
struct Function { const char* (*run)(const void*, Dims); unsigned bytes; std::string name; unsigned shared = 48 << 10; };

int flush() {
  std::lock_guard<std::recursive_mutex> hold(gate);
  while (!queue.empty()) {
    auto work = std::move(queue.front());
    queue.pop_front();
    if (!sticky) sticky = work();
  }
  return sticky;
}

int enqueue(std::function<int()> work) {
  std::lock_guard<std::recursive_mutex> hold(gate);
  if (sticky) return sticky;
  queue.push_back(std::move(work));
  return queue.size() >= kQueue ? flush() : kSuccess;
}

std::string folder() {
  Dl_info info;
  dladdr(reinterpret_cast<void*>(&flush), &info);
  std::string path = info.dli_fname;
  return path.substr(0, path.rfind('/'));
}

}  // namespace

extern "C" {

int cuInit(unsigned) { return kSuccess; }
int cuDriverGetVersion(int* version) { *version = 12040; return kSuccess; }
int cuDeviceGetCount(int* count) { *count = 1; return kSuccess; }
int cuDeviceGet(int* device, int ordinal) { *device = 0; return ordinal ? kInvalidValue : kSuccess; }
int cuDeviceGetName(char* name, int length, int) { snprintf(name, length, "Emulated GPU"); return kSuccess; }
int cuDeviceTotalMem_v2(size_t* bytes, int) { *bytes = kTotal; return kSuccess; }
int cuDeviceGetAttribute(int* value, int attribute, int) {
  switch (attribute) {
    case 16: *value = 4; break;            // multiprocessors
    case 38: *value = 1 << 20; break;      // L2 bytes
    case 75: *value = 9; break;            // compute capability
    case 76: *value = 0; break;
    case 97: *value = 232448; break;       // shared memory per block, opt-in
    default: *value = 0;
  }
  return kSuccess;
}
int cuDevicePrimaryCtxRetain(void** context, int) { *context = reinterpret_cast<void*>(1); return kSuccess; }
int cuDevicePrimaryCtxRelease_v2(int) { return flush(); }
int cuCtxSetCurrent(void*) { return kSuccess; }
int cuMemGetInfo_v2(size_t* free, size_t* total) { *free = kTotal - allocated; *total = kTotal; return kSuccess; }

int cuMemAlloc_v2(void** address, size_t bytes) {
  std::lock_guard<std::recursive_mutex> hold(gate);
  if (!bytes) return kInvalidValue;
  if (allocated + bytes > kTotal) return kOutOfMemory;
  *address = aligned_alloc(512, (bytes + 511) / 512 * 512);
  if (!*address) return kOutOfMemory;
  memset(*address, 0xFF, bytes < (1 << 22) ? bytes : 1 << 22);
  allocations[*address] = bytes;
  allocated += bytes;
  return kSuccess;
}
int cuMemFree_v2(void* address) {
  flush();
  std::lock_guard<std::recursive_mutex> hold(gate);
  auto found = allocations.find(address);
  if (found == allocations.end()) return kInvalidValue;
  allocated -= found->second;
  allocations.erase(found);
  free(address);
  return kSuccess;
}
int cuMemHostAlloc(void** address, size_t bytes, unsigned) { *address = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096); return *address ? kSuccess : kOutOfMemory; }
int cuMemFreeHost(void* address) { flush(); free(address); return kSuccess; }
int cuMemcpyHtoDAsync_v2(void* to, const void* from, size_t bytes, void*) { return enqueue([=] { memcpy(to, from, bytes); return kSuccess; }); }
int cuMemcpyDtoHAsync_v2(void* to, const void* from, size_t bytes, void*) { return enqueue([=] { memcpy(to, from, bytes); return kSuccess; }); }
int cuMemcpyDtoDAsync_v2(void* to, const void* from, size_t bytes, void*) { return enqueue([=] { memmove(to, from, bytes); return kSuccess; }); }
int cuMemsetD8Async(void* to, unsigned char value, size_t bytes, void*) { return enqueue([=] { memset(to, value, bytes); return kSuccess; }); }

int cuStreamCreate(void** stream, unsigned) { *stream = reinterpret_cast<void*>(2); return kSuccess; }
int cuStreamDestroy_v2(void*) { return flush(); }
int cuStreamSynchronize(void*) { return flush(); }

struct Event { std::atomic<bool> done{true}; };
int cuEventCreate(void** event, unsigned) { *event = new Event; return kSuccess; }
int cuEventDestroy_v2(void* event) { flush(); delete static_cast<Event*>(event); return kSuccess; }
int cuEventRecord(void* event, void*) {
  auto* e = static_cast<Event*>(event);
  e->done = false;
  return enqueue([=] { e->done = true; return kSuccess; });
}
int cuEventSynchronize(void* event) { return static_cast<Event*>(event)->done ? sticky : flush(); }
int cuEventQuery(void* event) { return static_cast<Event*>(event)->done ? kSuccess : 600; }
int cuEventElapsedTime(float* milliseconds, void*, void*) { flush(); *milliseconds = 0.001f; return sticky; }

int cuModuleLoadData(void** module, const void* image) {
  // The image is the path of a library, as the emulated compiler made it.
  const char* path = static_cast<const char*>(image);
  if (strncmp(path, "EMULATED ", 9)) return kInvalidImage;
  void* library = dlopen(path + 9, RTLD_NOW | RTLD_LOCAL);
  if (!library) { fprintf(stderr, "emulator: %s\n", dlerror()); return kInvalidImage; }
  *module = new Module{ library, path + 9 };
  return kSuccess;
}
int cuModuleUnload(void* module) { flush(); delete static_cast<Module*>(module); return kSuccess; }
int cuModuleGetFunction(void** function, void* module, const char* name) {
  auto* m = static_cast<Module*>(module);
  void* run = dlsym(m->library, name);
  void* bytes = dlsym(m->library, (std::string(name) + "_bytes").c_str());
  if (!run || !bytes) return kNotFound;
  *function = new Function{ reinterpret_cast<const char* (*)(const void*, Dims)>(run), reinterpret_cast<unsigned (*)()>(bytes)(), name };
  return kSuccess;
}
int cuFuncSetAttribute(void* function, int attribute, int value) {
  if (attribute != 8 || value < 0 || value > 232448) return kInvalidValue;
  static_cast<Function*>(function)->shared = value;
  return kSuccess;
}
int cuFuncGetAttribute(int* value, int, void*) { *value = 0; return kSuccess; }

int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void*, void** parameters, void** extra) {
  auto* f = static_cast<Function*>(function);
  if (parameters || !extra || extra[0] != reinterpret_cast<void*>(1) || extra[2] != reinterpret_cast<void*>(2) || extra[4]) return kInvalidValue;
  size_t bytes = *static_cast<size_t*>(extra[3]);
  if (bytes != f->bytes) {
    last_message = f->name + ": parameters of " + std::to_string(bytes) + " bytes given, " + std::to_string(f->bytes) + " expected";
    fprintf(stderr, "emulator: %s\n", last_message.c_str());
    return kInvalidValue;
  }
  if (shared > f->shared) {
    last_message = f->name + ": " + std::to_string(shared) + " bytes of shared memory, " + std::to_string(f->shared) + " are allowed";
    fprintf(stderr, "emulator: %s\n", last_message.c_str());
    return kInvalidValue;
  }
  const unsigned threads = bx * by * bz;
  if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || threads > 1024 || threads == 0) return kInvalidValue;
  std::vector<char> copy(static_cast<char*>(extra[1]), static_cast<char*>(extra[1]) + bytes);
  return enqueue([=, copy = std::move(copy)] {
    // The parameters must be aligned as the struct wants; a vector's memory is.
    const char* problem = f->run(copy.data(), Dims{ gx, gy, gz, bx, by, bz, shared });
    if (!problem) return static_cast<int>(kSuccess);
    last_message = f->name + ": " + problem;
    fprintf(stderr, "emulator: %s\n", last_message.c_str());
    return static_cast<int>(kLaunchFailed);
  });
}

int cuGetErrorName(int error, const char** name) {
  *name = error == kSuccess ? "CUDA_SUCCESS" : error == kOutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : error == kLaunchFailed ? "CUDA_ERROR_LAUNCH_FAILED" : "CUDA_ERROR_INVALID_VALUE";
  return kSuccess;
}
int cuGetErrorString(int error, const char** text) {
  *text = error == kLaunchFailed && !last_message.empty() ? last_message.c_str() : "an error of the emulator";
  return kSuccess;
}

// ---- NVRTC ----
struct Program { std::string source, name, log, image; };
int nvrtcVersion(int* major, int* minor) { *major = 12; *minor = 4; return 0; }
const char* nvrtcGetErrorString(int error) { return error ? "NVRTC_ERROR_COMPILATION" : "NVRTC_SUCCESS"; }
int nvrtcCreateProgram(void** program, const char* source, const char* name, int, const char* const*, const char* const*) {
  *program = new Program{ source, name ? name : "kernel.cu", "", "" };
  return 0;
}
int nvrtcDestroyProgram(void** program) { delete static_cast<Program*>(*program); *program = nullptr; return 0; }
int nvrtcGetProgramLogSize(void* program, size_t* bytes) { *bytes = static_cast<Program*>(program)->log.size() + 1; return 0; }
int nvrtcGetProgramLog(void* program, char* log) { strcpy(log, static_cast<Program*>(program)->log.c_str()); return 0; }
int nvrtcGetCUBINSize(void* program, size_t* bytes) { *bytes = static_cast<Program*>(program)->image.size() + 1; return 0; }
int nvrtcGetCUBIN(void* program, char* image) { strcpy(image, static_cast<Program*>(program)->image.c_str()); return 0; }

int nvrtcCompileProgram(void* program, int count, const char* const* options) {
  auto* p = static_cast<Program*>(program);
  std::string home = folder(), all;
  std::vector<std::string> arguments = { "g++", "-x", "c++", "-std=c++17", "-O2", "-ffp-contract=fast", "-mfma", "-fno-strict-aliasing", "-fPIC", "-shared", "-w",
    "-include", home + "/device.h" };
  for (int i = 0; i < count; i++) {
    all += std::string(options[i]) + "\n";
    if (!strncmp(options[i], "-D", 2) || !strncmp(options[i], "--define-macro=", 15)) {
      arguments.push_back(options[i][1] == 'D' ? options[i] : "-D" + std::string(options[i] + 15));
    }
  }
  size_t hash = std::hash<std::string>()(all + p->source);
  for (const char* header : { "/device.h", "/instructions.h" }) {
    std::ifstream file(home + header);
    std::stringstream text;
    text << file.rdbuf();
    hash = hash * 1099511628211ull + std::hash<std::string>()(text.str());
  }
  std::string stem = home + "/" + p->name + "-" + std::to_string(hash), made = stem + ".so";
  struct stat found;
  if (stat(made.c_str(), &found)) {
    std::string own = stem + "-" + std::to_string(getpid()) + "-" + std::to_string(reinterpret_cast<uintptr_t>(p));
    { std::ofstream(own + ".cu") << p->source; }
    arguments.insert(arguments.end(), { "-o", own + ".so", own + ".cu" });
    int ends[2];
    if (pipe(ends)) return 6;
    pid_t child = fork();
    if (!child) {
      std::vector<char*> raw;
      for (auto& a : arguments) raw.push_back(a.data());
      raw.push_back(nullptr);
      dup2(ends[1], 2); dup2(ends[1], 1);
      close(ends[0]); close(ends[1]);
      execvp("g++", raw.data());
      _exit(127);
    }
    close(ends[1]);
    char buffer[4096];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) p->log.append(buffer, n);
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    unlink((own + ".cu").c_str());
    if (status) return 6;
    rename((own + ".so").c_str(), made.c_str());
  }
  p->image = "EMULATED " + made;
  return 0;
}

// ---- cuBLASLt ----
enum { kF32 = 0, kF16 = 2, kBF16 = 14 };
struct Operation { int compute = 68, scale = kF32, transa = 0, transb = 0, epilogue = 1; const void* bias = nullptr; int bias_type = -1; };
struct Layout { int type; uint64_t rows, columns; int64_t ld; int batch = 1; int64_t stride = 0; };
struct Preference { size_t workspace = 0; unsigned alignment[4] = { 256, 256, 256, 256 }; };
struct Heuristic { uint64_t algo[8]; size_t workspace; int state; float waves; int reserved[4]; };

size_t cublasLtGetVersion() { return 120400; }
int cublasLtCreate(void** handle) { *handle = reinterpret_cast<void*>(3); return 0; }
int cublasLtDestroy(void*) { return 0; }
int cublasLtMatmulDescCreate(void** d, int compute, int scale) { auto* o = new Operation; o->compute = compute; o->scale = scale; *d = o; return 0; }
int cublasLtMatmulDescDestroy(void* d) { delete static_cast<Operation*>(d); return 0; }
int cublasLtMatmulDescSetAttribute(void* d, int attribute, const void* value, size_t bytes) {
  auto* o = static_cast<Operation*>(d);
  if (attribute == 8) { if (bytes != 8) return 7; o->bias = *static_cast<void* const*>(value); return 0; }
  if (bytes != 4) return 7;
  int v = *static_cast<const int*>(value);
  switch (attribute) {
    case 3: o->transa = v; return 0;
    case 4: o->transb = v; return 0;
    case 7: o->epilogue = v; return 0;
    case 26: o->bias_type = v; return 0;
    default: return 7;
  }
}
int cublasLtMatrixLayoutCreate(void** l, int type, uint64_t rows, uint64_t columns, int64_t ld) { *l = new Layout{ type, rows, columns, ld }; return 0; }
int cublasLtMatrixLayoutDestroy(void* l) { delete static_cast<Layout*>(l); return 0; }
int cublasLtMatmulPreferenceCreate(void** p) { *p = new Preference; return 0; }
int cublasLtMatmulPreferenceDestroy(void* p) { delete static_cast<Preference*>(p); return 0; }
int cublasLtMatmulPreferenceSetAttribute(void* p, int attribute, const void* value, size_t bytes) {
  auto* preference = static_cast<Preference*>(p);
  if (attribute == 1 && bytes == 8) { preference->workspace = *static_cast<const size_t*>(value); return 0; }
  if (attribute == 3 && bytes == 4) return 0;
  if (attribute >= 5 && attribute <= 8 && bytes == 4) { preference->alignment[attribute - 5] = *static_cast<const unsigned*>(value); return 0; }
  return 7;
}
int cublasLtMatmulAlgoGetHeuristic(void*, void* operation, void*, void*, void*, void* d, void* preference, int requested, Heuristic* results, int* found) {
  if (requested < 1) return 7;
  memset(results, 0, sizeof *results);
  // The library may know no algorithm with an epilogue; here it never does for an odd number of rows.
  if (static_cast<Operation*>(operation)->epilogue != 1 && static_cast<Layout*>(d)->rows % 2) { *found = 0; return 15; }
  for (int i = 0; i < 4; i++) results->algo[i] = static_cast<Preference*>(preference)->alignment[i];
  *found = 1;
  return 0;
}

static float element(const void* p, int type, uint64_t i) {
  if (type == kF32) return static_cast<const float*>(p)[i];
  unsigned short h = static_cast<const unsigned short*>(p)[i];
  if (type == kBF16) { unsigned x = (unsigned)h << 16; float y; memcpy(&y, &x, 4); return y; }
  unsigned sign = (unsigned)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023;
  if (exponent == 0) { float v = std::ldexp((float)mantissa, -24); return sign ? -v : v; }
  unsigned x = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | mantissa << 13;
  float y;
  memcpy(&y, &x, 4);
  return y;
}

int cublasLtMatmul(void*, void* operation, const float* alpha, const void* A, void* a_layout, const void* B, void* b_layout, const float* beta, const void* C, void* c_layout,
                   void* D, void* d_layout, const uint64_t* algo, void*, size_t, void*) {
  Operation o = *static_cast<Operation*>(operation);
  Layout a = *static_cast<Layout*>(a_layout), b = *static_cast<Layout*>(b_layout), c = *static_cast<Layout*>(c_layout), d = *static_cast<Layout*>(d_layout);
  uint64_t m = d.rows, n = d.columns, k = o.transa ? a.rows : a.columns;
  if ((o.transa ? a.columns : a.rows) != m || (o.transb ? b.columns : b.rows) != k || (o.transb ? b.rows : b.columns) != n) return 7;
  if (a.ld < (int64_t)a.rows || b.ld < (int64_t)b.rows || d.ld < (int64_t)d.rows || c.rows != m || c.columns != n) return 7;
  if (o.compute != 68 || o.scale != kF32 || a.type != b.type || c.type != d.type || C != D) return 15;
  if ((o.epilogue != 1 && o.epilogue != 4) || (o.epilogue == 4 && !o.bias)) return 15;
  const void* operands[4] = { A, B, C, D };
  for (int i = 0; i < 4; i++) if (reinterpret_cast<uintptr_t>(operands[i]) % algo[i]) return 7;   // less aligned than the algorithm was asked for
  float al = *alpha, be = *beta;
  return enqueue([=] {
    std::vector<float> left(m * k), right(n * k), row(m);
    for (uint64_t i = 0; i < m; i++) for (uint64_t q = 0; q < k; q++) left[q * m + i] = element(A, a.type, o.transa ? i * a.ld + q : q * a.ld + i);
    for (uint64_t j = 0; j < n; j++) for (uint64_t q = 0; q < k; q++) right[j * k + q] = element(B, b.type, o.transb ? q * b.ld + j : j * b.ld + q);
    for (uint64_t j = 0; j < n; j++) {
      std::fill(row.begin(), row.end(), 0.0f);
      for (uint64_t q = 0; q < k; q++) {
        float v = right[j * k + q];
        const float* from = &left[q * m];
        for (uint64_t i = 0; i < m; i++) row[i] += v * from[i];
      }
      for (uint64_t i = 0; i < m; i++) {
        uint64_t at = j * d.ld + i;
        float value = al * row[i] + (be != 0 ? be * element(C, c.type, j * c.ld + i) : 0);
        if (o.epilogue == 4) value += element(o.bias, o.bias_type < 0 ? d.type : o.bias_type, i);
        if (d.type == kF32) static_cast<float*>(D)[at] = value;
        else if (d.type == kBF16) { unsigned x; memcpy(&x, &value, 4); static_cast<unsigned short*>(D)[at] = (unsigned short)((x + 0x7fff + (x >> 16 & 1)) >> 16); }
        else return static_cast<int>(kInvalidValue);
      }
    }
    return static_cast<int>(kSuccess);
  }) ? 14 : 0;
}

}  // extern "C"
