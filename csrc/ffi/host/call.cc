#include "call.h"

#include <array>
#include <cstring>

#include "threads.h"

namespace jans::host {
namespace {

// What a handler of this library asks of XLA.

struct Error {
  std::string message;
};

XLA_FFI_Error* CreateError(XLA_FFI_Error_Create_Args* args) {
  return reinterpret_cast<XLA_FFI_Error*>(new Error{args->message});
}

void DestroyError(XLA_FFI_Error_Destroy_Args* args) { delete reinterpret_cast<Error*>(args->error); }

XLA_FFI_Error* CountThreads(XLA_FFI_ThreadPool_NumThreads_Args* args) {
  *args->num_threads = Threads();
  return nullptr;
}

XLA_FFI_Error* ScheduleTask(XLA_FFI_ThreadPool_Schedule_Args* args) {
  Schedule(args->task, args->data);
  return nullptr;
}

XLA_FFI_Api MakeApi() {
  XLA_FFI_Api api;
  std::memset(&api, 0, sizeof api);
  api.struct_size = XLA_FFI_Api_STRUCT_SIZE;
  api.api_version = {XLA_FFI_Api_Version_STRUCT_SIZE, nullptr, XLA_FFI_API_MAJOR, XLA_FFI_API_MINOR};
  api.XLA_FFI_Error_Create = CreateError;
  api.XLA_FFI_Error_Destroy = DestroyError;
  api.XLA_FFI_ThreadPool_NumThreads = CountThreads;
  api.XLA_FFI_ThreadPool_Schedule = ScheduleTask;
  return api;
}

const XLA_FFI_Api kApi = MakeApi();

template <typename Type, Type kind>
std::array<Type, Target::kMost> Repeated() {
  std::array<Type, Target::kMost> all;
  all.fill(kind);
  return all;
}

auto operand_types = Repeated<XLA_FFI_ArgType, XLA_FFI_ArgType_BUFFER>();
auto result_types = Repeated<XLA_FFI_RetType, XLA_FFI_RetType_BUFFER>();

}  // namespace

XLA_FFI_Buffer MakeBuffer(XLA_FFI_DataType dtype, void* data, int64_t rank, const int64_t* dims) {
  return {XLA_FFI_Buffer_STRUCT_SIZE, nullptr, dtype, data, rank, const_cast<int64_t*>(dims)};
}

Target::Target(void* handler, Attributes attributes)
    : handler_(reinterpret_cast<XLA_FFI_Handler*>(handler)), attributes_(std::move(attributes)) {
  const size_t count = attributes_.size();
  types_.assign(count, XLA_FFI_AttrType_SCALAR);
  for (auto& [name, value] : attributes_) {
    names_.push_back({name.data(), name.size()});
    scalars_.push_back({XLA_FFI_DataType_S32, &value});
  }
  for (size_t k = 0; k < count; ++k) {
    name_of_.push_back(&names_[k]);
    value_of_.push_back(&scalars_[k]);
  }
}

bool Target::Call(XLA_FFI_Buffer* const* operands, int64_t operand_count, XLA_FFI_Buffer* const* results,
                  int64_t result_count, std::string* error) const {
  auto pointers = [](XLA_FFI_Buffer* const* buffers) {
    return reinterpret_cast<void**>(const_cast<XLA_FFI_Buffer**>(buffers));
  };
  XLA_FFI_CallFrame frame;
  std::memset(&frame, 0, sizeof frame);
  frame.struct_size = XLA_FFI_CallFrame_STRUCT_SIZE;
  frame.api = &kApi;
  frame.stage = XLA_FFI_ExecutionStage_EXECUTE;
  frame.args = {XLA_FFI_Args_STRUCT_SIZE, nullptr, operand_count, operand_types.data(), pointers(operands)};
  frame.rets = {XLA_FFI_Rets_STRUCT_SIZE, nullptr, result_count, result_types.data(), pointers(results)};
  frame.attrs = {XLA_FFI_Attrs_STRUCT_SIZE,
                 nullptr,
                 static_cast<int64_t>(attributes_.size()),
                 const_cast<XLA_FFI_AttrType*>(types_.data()),
                 const_cast<XLA_FFI_ByteSpan**>(name_of_.data()),
                 const_cast<void**>(value_of_.data())};
  auto* failure = reinterpret_cast<Error*>(handler_(&frame));
  if (failure == nullptr) return true;
  *error = failure->message;
  delete failure;
  return false;
}

}  // namespace jans::host
