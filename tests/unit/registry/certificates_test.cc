#include "registry/certificates.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

class Certificates : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder.path() / name) << text;
    return (folder.path() / name).string();
  }
  TempDir folder;
};

TEST_F(Certificates, AFolderIsHashedWhenOpenSslFindsOneByItsName) {
  write("ca-certificates.crt", "x");
  write("1d3472b9.r0", "x");
  write("1D3472B9.0", "x");
  EXPECT_FALSE(holds_hashed_certificates(folder.path()));
  write("1d3472b9.0", "x");
  EXPECT_TRUE(holds_hashed_certificates(folder.path()));
  EXPECT_FALSE(holds_hashed_certificates(folder.path() / "none"));
}

TEST_F(Certificates, FilesAreReadOneAfterTheOther) {
  EXPECT_EQ(read_certificates({write("a", "first"), write("b", "second\n")}), "first\nsecond\n\n");
  EXPECT_EQ(read_certificates({}), "");
}

TEST_F(Certificates, AMissingFileIsNamed) {
  try {
    read_certificates({(folder.path() / "none.crt").string()});
    FAIL() << "it was read";
  } catch (const SystemError& e) {
    EXPECT_NE(std::string(e.what()).find("none.crt: No such file"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace imgb
