#include "core/base/base64.h"

#include <gtest/gtest.h>

namespace imgb {
namespace {

TEST(Base64, BothWaysAndUrlAlphabet) {
  for (std::string text : {"", "f", "fo", "foo", "foob", "\xff\xfe\x00x"}) {
    EXPECT_EQ(decode_base64(encode_base64(text)), text);
  }
  EXPECT_EQ(encode_base64("fo"), "Zm8=");
  EXPECT_EQ(decode_base64("_-8"), decode_base64("/+8="));
  EXPECT_EQ(decode_base64("a!b"), std::nullopt);
}

}  // namespace
}  // namespace imgb
