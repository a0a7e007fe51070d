#include "core/evidence.h"

namespace whydrop {

const char* FieldName(int number) {
  switch (number) {
#define WHYDROP_X(field_number, name) \
  case field_number:                  \
    return #name;
    WHYDROP_EVIDENCE_FIELDS(WHYDROP_X)
#undef WHYDROP_X
    default:
      return nullptr;
  }
}

}  // namespace whydrop
