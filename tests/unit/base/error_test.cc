#include "core/base/error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace imgb {
namespace {

TEST(Error, FramesAreShownOutermostFirst) {
  try {
    in_context([] { return "pulling debian:12"; },
               [] {
                 in_context([] { return "layer 3 of 7"; },
                            [] { throw_error(ErrorKind::unavailable, "connection {}", "reset"); });
               });
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "pulling debian:12: layer 3 of 7: connection reset");
    EXPECT_EQ(e.kind(), ErrorKind::unavailable);
    EXPECT_EQ(e.message(), "connection reset");
  }
}

TEST(Error, ErrnoIsTakenBeforeTheMessageIsMade) {
  try {
    errno = ENOENT;
    throw_errno("open {}", "/x");
  } catch (const SystemError& e) {
    EXPECT_EQ(e.errno_value(), ENOENT);
    EXPECT_STREQ(e.what(), "open /x: No such file or directory");
  }
}

TEST(Error, TheFirstHintStays) {
  Error e(ErrorKind::input, "m");
  e.set_hint("inner").set_hint("outer");
  EXPECT_EQ(e.hint(), "inner");
}

}  // namespace
}  // namespace imgb
