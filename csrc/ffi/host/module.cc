// The Python module jans.ffi._host: calls of handlers with arrays of NumPy, in place. It keeps to the stable ABI.
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "arrays.h"
#include "threads.h"

namespace jans::host {
namespace {

static_assert(Target::kMost < 64, "a bit for each operand");

// ---- Kernel: a target that is ready to be called ----

struct Kernel : PyObject {
  std::unique_ptr<Target> target;
  Py_ssize_t operands = 0;
  std::vector<Py_ssize_t> updates;  // the operands that the first results replace
  int32_t undo = 0;                 // the bits of a status with which a call takes back what it did
};

PyTypeObject* kernel_type = nullptr;

PyObject* NewKernel(PyTypeObject* type, PyObject* args, PyObject*) {
  unsigned long long handler;
  Py_ssize_t operands;
  PyObject *updates, *attributes;
  int undo;
  if (!PyArg_ParseTuple(args, "KnO!O!i", &handler, &operands, &PyTuple_Type, &updates, &PyTuple_Type, &attributes,
                        &undo)) {
    return nullptr;
  }
  std::vector<Py_ssize_t> replaced;
  for (Py_ssize_t k = 0; k < PyTuple_Size(updates); ++k) {
    replaced.push_back(PyLong_AsSsize_t(PyTuple_GetItem(updates, k)));
  }
  Target::Attributes values;
  for (Py_ssize_t k = 0; k < PyTuple_Size(attributes); ++k) {
    const char* name;
    int value;
    if (!PyArg_ParseTuple(PyTuple_GetItem(attributes, k), "si", &name, &value)) return nullptr;
    values.emplace_back(name, value);
  }
  if (PyErr_Occurred() != nullptr) return nullptr;
  bool fits = operands <= Target::kMost && replaced.size() <= static_cast<size_t>(Target::kMost);
  for (Py_ssize_t place : replaced) fits = fits && place >= 0 && place < operands;
  if (!fits) {
    PyErr_SetString(PyExc_ValueError, "jans: a kernel has no such operands or results");
    return nullptr;
  }
  Kernel* self = New<Kernel>(type);
  if (self == nullptr) return nullptr;
  self->target = std::make_unique<Target>(reinterpret_cast<void*>(handler), std::move(values));
  self->operands = operands;
  self->updates = std::move(replaced);
  self->undo = undo;
  return self;
}

// The arrays of one call, in order.
class Frame {
 public:
  ~Frame() {
    for (int k = 0; k < held_; ++k) updated_[k]->busy = false;
    for (int k = 0; k < own_count_; ++k) own_[k].Release();
  }

  // False with an error of Python.
  // With a place for a symbol, that is the last result.
  bool Take(const Kernel& kernel, PyObject* const* args, Py_ssize_t count, int32_t* symbol = nullptr) {
    updates_ = 0;
    for (Py_ssize_t place : kernel.updates) updates_ |= uint64_t{1} << place;
    for (Py_ssize_t k = 0; k < count; ++k) {
      PyObject* arg = args[k];
      if (Py_TYPE(arg) == arrays_type) {
        if (!TakeAll(kernel, static_cast<Arrays*>(arg))) return false;
      } else if (PyLong_Check(arg)) {
        if (!TakeNumber(kernel, arg)) return false;
      } else if (own_count_ == kMostOwn) {
        return TooMany();
      } else {
        Array& own = own_[own_count_];
        if (!own.Open(arg)) return false;
        ++own_count_;
        own_bytes_ += own.bytes();
        if (!Add(kernel, &own.buffer, own.readonly())) return false;
      }
    }
    if (symbol != nullptr && !AddNumber(kernel, symbol)) return false;
    return Sort(kernel);
  }

  XLA_FFI_Buffer** operands() { return buffers_; }
  XLA_FFI_Buffer** results() { return results_; }
  int64_t result_count() const { return result_count_; }
  // Whether other threads of Python should run meanwhile: to let them costs as much as a few symbols.
  bool is_long() const { return own_bytes_ > 1024; }

  static bool TooMany() {
    PyErr_SetString(PyExc_TypeError, "jans: too many arrays for a kernel");
    return false;
  }

 private:
  static constexpr int kMostOwn = 16;

  bool Add(const Kernel& kernel, XLA_FFI_Buffer* buffer, bool readonly) {
    if (count_ == 2 * Target::kMost) return TooMany();
    const bool written = count_ >= kernel.operands || (updates_ >> count_ & 1) != 0;
    if (written && readonly) {
      PyErr_SetString(PyExc_ValueError, "jans: a kernel writes to an array that is read-only");
      return false;
    }
    buffers_[count_++] = buffer;
    return true;
  }

  bool TakeAll(const Kernel& kernel, Arrays* group) {
    const Py_ssize_t begin = count_;
    for (size_t k = 0; k < group->buffers.size(); ++k) {
      if (!Add(kernel, &group->buffers[k], group->readonly[k])) return false;
    }
    const uint64_t these = ((uint64_t{1} << (count_ - begin)) - 1) << begin;
    if (begin < kernel.operands && (updates_ & these) == 0) return true;
    if (group->busy) {
      PyErr_SetString(PyExc_RuntimeError, "another thread is using this coder. Give each thread a coder of its own.");
      return false;
    }
    if (held_ == kMostOwn) return TooMany();
    group->busy = true;
    updated_[held_++] = group;
    return true;
  }

  // A number stands for an int32 array of length 1.
  bool TakeNumber(const Kernel& kernel, PyObject* arg) {
    const long number = PyLong_AsLong(arg);
    if (number == -1 && PyErr_Occurred() != nullptr) return false;
    if (number != static_cast<int32_t>(number)) {
      PyErr_SetString(PyExc_OverflowError, "jans: a number does not fit int32");
      return false;
    }
    if (number_count_ == kMostNumbers) return TooMany();
    numbers_[number_count_] = static_cast<int32_t>(number);
    return AddNumber(kernel, &numbers_[number_count_]);
  }

  bool AddNumber(const Kernel& kernel, int32_t* number) {
    static const int64_t kOne = 1;
    if (number_count_ == kMostNumbers) return TooMany();
    number_buffers_[number_count_] = MakeBuffer(XLA_FFI_DataType_S32, number, 1, &kOne);
    return Add(kernel, &number_buffers_[number_count_++], false);
  }

  // Puts each result where it belongs: those that replace an operand come first, and are that operand.
  bool Sort(const Kernel& kernel) {
    if (count_ < kernel.operands) {
      PyErr_Format(PyExc_TypeError, "jans: a kernel of %zd operands was called with %zd arrays", kernel.operands,
                   count_);
      return false;
    }
    for (Py_ssize_t place : kernel.updates) results_[result_count_++] = buffers_[place];
    for (Py_ssize_t k = kernel.operands; k < count_; ++k) {
      if (result_count_ == Target::kMost) return TooMany();
      results_[result_count_++] = buffers_[k];
    }
    return true;
  }

  static constexpr int kMostNumbers = 2;

  XLA_FFI_Buffer* buffers_[2 * Target::kMost];
  XLA_FFI_Buffer* results_[Target::kMost];
  Array own_[kMostOwn];
  Arrays* updated_[kMostOwn];
  int32_t numbers_[kMostNumbers];
  XLA_FFI_Buffer number_buffers_[kMostNumbers];
  Py_ssize_t count_ = 0, result_count_ = 0, own_bytes_ = 0;
  int own_count_ = 0, held_ = 0, number_count_ = 0;
  uint64_t updates_ = 0;
};

int64_t Elements(const XLA_FFI_Buffer& buffer) {
  int64_t elements = 1;
  for (int64_t k = 0; k < buffer.rank; ++k) elements *= buffer.dims[k];
  return elements;
}

// What a call may take back: the numbers of a coder of one stream and one lane. Words are no matter, as a call only
// writes to those that are not in use.
class Before {
 public:
  Before(const Kernel& kernel, XLA_FFI_Buffer* const* operands) {
    for (Py_ssize_t place : kernel.updates) {
      const XLA_FFI_Buffer& buffer = *operands[place];
      const int64_t elements = Elements(buffer);
      const bool number = buffer.dtype == XLA_FFI_DataType_U32 || buffer.dtype == XLA_FFI_DataType_S32;
      if (!number || elements > kLongest) continue;
      std::memcpy(copies_[count_], buffer.data, 4 * elements);
      saved_[count_++] = {buffer.data, 4 * static_cast<size_t>(elements)};
    }
  }
  void Restore() const {
    for (int k = 0; k < count_; ++k) std::memcpy(saved_[k].data, copies_[k], saved_[k].bytes);
  }

 private:
  static constexpr int kLongest = 2;
  struct Saved {
    void* data;
    size_t bytes;
  };

  int32_t copies_[Target::kMost][kLongest];
  Saved saved_[Target::kMost];
  int count_ = 0;
};

// The status after a call: that of all streams together. It is the last array that a call updates.
int32_t StatusOf(const Kernel& kernel, XLA_FFI_Buffer* const* operands) {
  if (kernel.updates.empty()) return 0;
  const XLA_FFI_Buffer& buffer = *operands[kernel.updates.back()];
  if (buffer.dtype != XLA_FFI_DataType_S32) return 0;
  int32_t status = 0;
  for (int64_t k = 0; k < Elements(buffer); ++k) status |= static_cast<const int32_t*>(buffer.data)[k];
  return status;
}

// The status, or -1 with an error of Python.
int64_t Run(const Kernel& kernel, Frame& frame) {
  std::string error;
  PyThreadState* thread = frame.is_long() ? PyEval_SaveThread() : nullptr;
  const Before before(kernel, frame.operands());
  const bool done =
      kernel.target->Call(frame.operands(), kernel.operands, frame.results(), frame.result_count(), &error);
  const int32_t status = done ? StatusOf(kernel, frame.operands()) : 0;
  if ((status & kernel.undo) != 0) before.Restore();
  if (thread != nullptr) PyEval_RestoreThread(thread);
  if (done) return static_cast<uint32_t>(kernel.undo == 0 ? status : status & kernel.undo);
  PyErr_SetString(PyExc_ValueError, error.c_str());
  return -1;
}

PyObject* CallFast(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Kernel& kernel = *static_cast<Kernel*>(self);
  Frame frame;
  if (!frame.Take(kernel, args, count)) return nullptr;
  const int64_t status = Run(kernel, frame);
  return status < 0 ? nullptr : PyLong_FromLongLong(status);
}

PyObject* CallKernel(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (!IsEmpty(kwargs)) {
    PyErr_SetString(PyExc_TypeError, "a kernel takes arrays alone");
    return nullptr;
  }
  PyObject* arrays[2 * Target::kMost];
  const Py_ssize_t count = PyTuple_Size(args);
  if (count > 2 * Target::kMost) return Frame::TooMany(), nullptr;
  for (Py_ssize_t k = 0; k < count; ++k) arrays[k] = PyTuple_GetItem(args, k);
  return CallFast(self, arrays, count);
}

PyObject* CallForOne(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Kernel& kernel = *static_cast<Kernel*>(self);
  Frame frame;
  int32_t symbol = 0;
  if (!frame.Take(kernel, args, count, &symbol)) return nullptr;
  const int64_t status = Run(kernel, frame);
  if (status < 0) return nullptr;
  return status == 0 ? PyLong_FromLong(symbol) : Py_NewRef(Py_None);
}

// ---- the module ----

PyObject* SetThreadsOf(PyObject*, PyObject* count) {
  const long long number = PyLong_AsLongLong(count);
  if (number == -1 && PyErr_Occurred() != nullptr) return nullptr;
  SetThreads(number);
  return Py_NewRef(Py_None);
}

PyMethodDef functions[] = {{"set_threads", SetThreadsOf, METH_O, "Sets the number of threads of a call."},
                           {nullptr, nullptr, 0, nullptr}};

template <typename Function>
PyCFunction Method(Function* function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef kernel_methods[] = {
    {"run", Method(CallFast), METH_FASTCALL, "run(*arrays): the same as a call, and starts sooner."},
    {"one", Method(CallForOne), METH_FASTCALL,
     "one(*arrays): a call whose last result is an int32 array of length 1; returns its number, or None if the status "
     "has a bit."},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot kernel_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(NewKernel)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Free<Kernel>)},
    {Py_tp_call, reinterpret_cast<void*>(CallKernel)},
    {Py_tp_methods, kernel_methods},
    JANS_DOC("Kernel(handler, operands, updates, attributes, undo): a target, ready to be called."),
    {0, nullptr}};
PyType_Spec kernel_spec = JANS_SPEC(Kernel, kernel_slots);

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_host", "Calls of kernels without XLA.", -1, functions, nullptr, nullptr, nullptr, nullptr};

}  // namespace
}  // namespace jans::host

PyMODINIT_FUNC PyInit__host() {
  using namespace jans::host;
  PyObject* module = PyModule_Create(&definition);
  if (module == nullptr) return nullptr;
  kernel_type = AddType(module, &kernel_spec);
  if (kernel_type == nullptr || !AddArrays(module)) {
    Py_DECREF(module);
    return nullptr;
  }
  return module;
}
