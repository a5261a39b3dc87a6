#include "core/store/file_blob_store.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/store/store.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

class FileBlobStoreTest : public ::testing::Test {
 protected:
  void overwrite(const Digest& digest, std::string_view content) {
    store_.root().replace_file("blobs/sha256/" + digest.hex(), content, 0444);
  }

  TempDir temp_;
  Store store_ = Store::open(temp_.path() / "store");
};

TEST_F(FileBlobStoreTest, AGoodBlobThatCameWhileADamagedOneWasReadStays) {
  Digest digest = write_blob(store_.blobs(), "content", "x").digest;
  overwrite(digest, "cOntent");
  auto source = store_.blobs().open(digest);
  overwrite(digest, "content");
  EXPECT_THROW(read_all(*source, 100, "blob"), Error);
  EXPECT_EQ(read_all(*store_.blobs().open(digest), 100, "blob"), "content");
  EXPECT_FALSE(store_.root().find_stat("quarantine"));
}

TEST_F(FileBlobStoreTest, PeekingVerifiesAndTakesNothingOutOfUse) {
  Digest digest = write_blob(store_.blobs(), "content", "x").digest;
  EXPECT_EQ(read_all(*store_.blobs().peek(digest), 100, "blob"), "content");
  overwrite(digest, "cOntent");
  for (int i = 0; i < 2; ++i) {
    try {
      read_all(*store_.blobs().peek(digest), 100, "blob");
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::corrupt);
    }
    EXPECT_EQ(store_.blobs().peek_size(digest).has_value(), i == 0);
    if (i == 0) EXPECT_THROW(read_all(*store_.blobs().open(digest), 100, "blob"), Error);
  }
  try {
    store_.blobs().peek(Digest::of("never here"));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::not_found);
  }
}

}  // namespace
}  // namespace imgb
