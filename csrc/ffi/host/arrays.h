// The types of Python that hold arrays for calls.
#ifndef JANS_FFI_HOST_ARRAYS_H_
#define JANS_FFI_HOST_ARRAYS_H_

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000  // one build for Python 3.11 and all later ones
#include <Python.h>

#include <vector>

#include "call.h"

namespace jans::host {

// An array of Python, whose memory stays where it is until it is released.
class Array {
 public:
  // False with an error of Python; the array is then not open.
  bool Open(PyObject* object);
  void Release() { PyBuffer_Release(&view_); }
  bool readonly() const { return view_.readonly != 0; }
  Py_ssize_t bytes() const { return view_.len; }

  XLA_FFI_Buffer buffer;

 private:
  bool Read();

  Py_buffer view_;
};

// Arrays that several calls take together.
struct Arrays : PyObject {
  std::vector<Array> held;
  std::vector<XLA_FFI_Buffer> buffers;
  std::vector<bool> readonly;
  PyObject* layout = nullptr;  // which has the dimensions of the parts
  bool busy = false;           // while a call updates them

  ~Arrays() {
    for (Array& array : held) array.Release();
    Py_XDECREF(layout);
  }
};

extern PyTypeObject* arrays_type;

// How the bytes of an array, and other arrays, make the arrays of a coder: its instances make Arrays.
extern PyTypeObject* layout_type;

bool IsEmpty(PyObject* kwargs);

// Makes both types. False with an error of Python.
bool AddArrays(PyObject* module);

template <typename T>
void Free(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  reinterpret_cast<T*>(self)->~T();
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

template <typename T>
T* New(PyTypeObject* type) {
  auto* self = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc))(type, 0);
  if (self == nullptr) return nullptr;
  const PyObject head = *self;
  T* object = new (self) T;
  *self = head;
  return object;
}

// A type of Python, or null with an error.
PyTypeObject* AddType(PyObject* module, PyType_Spec* spec);

#define JANS_DOC(text) {Py_tp_doc, const_cast<char*>(text)}
#define JANS_SPEC(Type, slots) {"jans.ffi._host." #Type, sizeof(Type), 0, Py_TPFLAGS_DEFAULT, slots}

}  // namespace jans::host

#endif  // JANS_FFI_HOST_ARRAYS_H_
