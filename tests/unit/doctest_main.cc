// The programs of the unit tests: the tests, or a role that one of them gave its child.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#include "support/child.h"

int main(int count, char** words) {
  doctest::Context context(count, words);
  // A role may use the assertions of its tests: there the first that fails ends it.
  context.setAsDefaultForAssertsOutOfTestCases();
  context.setAssertHandler([](const doctest::AssertData& failed) {
    std::fprintf(stderr, "%s:%d: %s\n", failed.m_file, failed.m_line, failed.m_expr);
    std::_Exit(126);
  });
  int exit_code = 0;
  if (PlayChildRole(count, words, &exit_code)) return exit_code;
  context.setAssertHandler(nullptr);
  return context.run();
}
