#include "arrays.h"

#include <cstring>
#include <new>

namespace jans::host {

PyTypeObject* arrays_type = nullptr;
PyTypeObject* layout_type = nullptr;

bool IsEmpty(PyObject* kwargs) { return kwargs == nullptr || PyDict_Size(kwargs) == 0; }

namespace {

static_assert(sizeof(Py_ssize_t) == sizeof(int64_t), "a shape of Python is one of XLA");

// The dtype of the elements of a buffer, by the format that Python gives it; INVALID for all that no handler takes.
XLA_FFI_DataType TypeOf(const Py_buffer& view) {
  const char* format = view.format == nullptr ? "B" : view.format;
  if (format[0] == '\0' || format[1] != '\0') return XLA_FFI_DataType_INVALID;
  switch (format[0]) {
    case '?':
      return XLA_FFI_DataType_PRED;
    case 'B':
      return XLA_FFI_DataType_U8;
    case 'H':
      return XLA_FFI_DataType_U16;
    case 'I':
      return XLA_FFI_DataType_U32;
    case 'i':
      return XLA_FFI_DataType_S32;
    case 'L':
    case 'Q':
      return view.itemsize == 8 ? XLA_FFI_DataType_U64 : XLA_FFI_DataType_INVALID;
    case 'f':
      return XLA_FFI_DataType_F32;
    case 'd':
      return XLA_FFI_DataType_F64;
    default:
      return XLA_FFI_DataType_INVALID;
  }
}

}  // namespace

bool Array::Open(PyObject* object) {
  if (PyObject_GetBuffer(object, &view_, PyBUF_ND | PyBUF_FORMAT) != 0) return false;
  if (Read()) return true;
  Release();
  return false;
}

bool Array::Read() {
  const XLA_FFI_DataType dtype = TypeOf(view_);
  if (dtype == XLA_FFI_DataType_INVALID) {
    PyErr_Format(PyExc_TypeError, "jans: no kernel takes an array of format '%s'", view_.format);
    return false;
  }
  if (reinterpret_cast<uintptr_t>(view_.buf) % view_.itemsize != 0) {
    PyErr_SetString(PyExc_ValueError, "jans: an array is not aligned");
    return false;
  }
  buffer = MakeBuffer(dtype, view_.buf, view_.ndim, reinterpret_cast<const int64_t*>(view_.shape));
  return true;
}

namespace {

// The arrays of a tuple.
Arrays* OpenAll(PyObject* objects) {
  Arrays* self = New<Arrays>(arrays_type);
  if (self == nullptr) return nullptr;
  const Py_ssize_t count = PyTuple_Size(objects);
  self->held.reserve(count);
  for (Py_ssize_t k = 0; k < count; ++k) {
    // Opened where it stays: the shape of a buffer may lie within its view.
    self->held.emplace_back();
    if (!self->held.back().Open(PyTuple_GetItem(objects, k))) {
      self->held.pop_back();
      Py_DECREF(self);
      return nullptr;
    }
  }
  return self;
}

PyObject* NewArrays(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  if (!IsEmpty(kwargs)) {
    PyErr_SetString(PyExc_TypeError, "Arrays takes arrays alone");
    return nullptr;
  }
  Arrays* self = OpenAll(args);
  if (self == nullptr) return nullptr;
  for (Py_ssize_t k = 0; k < PyTuple_Size(args); ++k) {
    self->buffers.push_back(self->held[k].buffer);
    self->readonly.push_back(self->held[k].readonly());
  }
  return self;
}

// ---- Layout ----

struct Part {
  Py_ssize_t array;   // which array; -1 for a part of the bytes
  Py_ssize_t offset;  // in bytes
  XLA_FFI_DataType dtype;
  std::vector<int64_t> dims;
};

struct Layout : PyObject {
  std::vector<Part> parts;
  Py_ssize_t bytes = 0, others = 0;
};

// A part is the number of an array, counted from 0, or (dtype, *dims) for the bytes that follow those of the part
// before: "I" or "i".
bool ReadPart(PyObject* spec, Layout* layout) {
  if (PyLong_Check(spec)) {
    const Py_ssize_t array = PyLong_AsSsize_t(spec);
    if (array < 0) return PyErr_SetString(PyExc_ValueError, "jans: an array has no number below 0"), false;
    if (array >= layout->others) layout->others = array + 1;
    layout->parts.push_back({array, 0, XLA_FFI_DataType_INVALID, {}});
    return true;
  }
  const char* name = nullptr;
  PyObject* dtype = PyTuple_Check(spec) && PyTuple_Size(spec) > 0 ? PyTuple_GetItem(spec, 0) : nullptr;
  if (dtype != nullptr && PyUnicode_Check(dtype)) name = PyUnicode_AsUTF8AndSize(dtype, nullptr);
  if (name == nullptr || (std::strcmp(name, "I") != 0 && std::strcmp(name, "i") != 0)) {
    return PyErr_SetString(PyExc_TypeError, "jans: a part is an int, or a tuple of \"I\" or \"i\" and dimensions"),
           false;
  }
  Part part{-1, layout->bytes, name[0] == 'I' ? XLA_FFI_DataType_U32 : XLA_FFI_DataType_S32, {}};
  Py_ssize_t size = 1;
  for (Py_ssize_t k = 1; k < PyTuple_Size(spec); ++k) {
    const Py_ssize_t dim = PyLong_AsSsize_t(PyTuple_GetItem(spec, k));
    if (dim < 1 || dim > 1 << 10) return PyErr_SetString(PyExc_ValueError, "jans: a part is 1 to 1024 long"), false;
    part.dims.push_back(dim);
    size *= dim;
  }
  layout->bytes += 4 * size;
  layout->parts.push_back(std::move(part));
  return true;
}

PyObject* NewLayout(PyTypeObject* type, PyObject* args, PyObject*) {
  Layout* self = New<Layout>(type);
  if (self == nullptr) return nullptr;
  for (Py_ssize_t k = 0; k < PyTuple_Size(args); ++k) {
    if (!ReadPart(PyTuple_GetItem(args, k), self)) {
      Py_DECREF(self);
      return nullptr;
    }
  }
  return self;
}

PyObject* CallLayout(PyObject* object, PyObject* args, PyObject*) {
  const auto* layout = static_cast<Layout*>(object);
  if (PyTuple_Size(args) != layout->others + 1) {
    PyErr_Format(PyExc_TypeError, "jans: a layout takes bytes and %zd arrays", layout->others);
    return nullptr;
  }
  Arrays* self = OpenAll(args);
  if (self == nullptr) return nullptr;
  const XLA_FFI_Buffer& bytes = self->held[0].buffer;
  if (bytes.dtype != XLA_FFI_DataType_U8 || bytes.rank != 1 || bytes.dims[0] != layout->bytes ||
      reinterpret_cast<uintptr_t>(bytes.data) % 4 != 0) {
    PyErr_Format(PyExc_ValueError, "jans: a layout takes %zd aligned bytes", layout->bytes);
    Py_DECREF(self);
    return nullptr;
  }
  self->buffers.reserve(layout->parts.size());
  self->readonly.reserve(layout->parts.size());
  for (const Part& part : layout->parts) {
    const Array& from = self->held[part.array + 1];
    auto* data = static_cast<unsigned char*>(bytes.data) + part.offset;
    const auto rank = static_cast<int64_t>(part.dims.size());
    self->buffers.push_back(part.array < 0 ? MakeBuffer(part.dtype, data, rank, part.dims.data()) : from.buffer);
    self->readonly.push_back(from.readonly());
  }
  Py_INCREF(object);
  self->layout = object;
  return self;
}

PyType_Slot arrays_slots[] = {{Py_tp_new, reinterpret_cast<void*>(NewArrays)},
                              {Py_tp_dealloc, reinterpret_cast<void*>(Free<Arrays>)},
                              JANS_DOC("Arrays(*arrays): arrays that calls take together, as one argument."),
                              {0, nullptr}};
PyType_Slot layout_slots[] = {{Py_tp_new, reinterpret_cast<void*>(NewLayout)},
                              {Py_tp_dealloc, reinterpret_cast<void*>(Free<Layout>)},
                              {Py_tp_call, reinterpret_cast<void*>(CallLayout)},
                              JANS_DOC("Layout(*parts): makes Arrays of bytes, and of other arrays."),
                              {0, nullptr}};
PyType_Spec arrays_spec = JANS_SPEC(Arrays, arrays_slots);
PyType_Spec layout_spec = JANS_SPEC(Layout, layout_slots);

}  // namespace

PyTypeObject* AddType(PyObject* module, PyType_Spec* spec) {
  PyObject* type = PyType_FromSpec(spec);
  if (type == nullptr || PyModule_AddType(module, reinterpret_cast<PyTypeObject*>(type)) != 0) return nullptr;
  return reinterpret_cast<PyTypeObject*>(type);
}

bool AddArrays(PyObject* module) {
  arrays_type = AddType(module, &arrays_spec);
  layout_type = AddType(module, &layout_spec);
  return arrays_type != nullptr && layout_type != nullptr;
}

}  // namespace jans::host
