// A guard against exceptions for the two places where the SDK allocates: start and the worker's body. Running out of
// memory there must not end the game. Empty where the compiler has exceptions switched off.
//
//   WHYDROP_GUARD_BEGIN
//   ...
//   WHYDROP_GUARD_END(what to do after one)
#ifndef WHYDROP_SESSION_GUARD_H
#define WHYDROP_SESSION_GUARD_H

#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define WHYDROP_GUARD_BEGIN try {
#define WHYDROP_GUARD_END(after) \
  }                              \
  catch (...) {                  \
    after;                       \
  }
#else
#define WHYDROP_GUARD_BEGIN {
#define WHYDROP_GUARD_END(after) }
#endif

#endif
