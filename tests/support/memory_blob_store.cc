#include "tests/support/memory_blob_store.h"

#include "core/base/error.h"

namespace imgb {
namespace {

class MemoryWriter : public BlobWriter {
 public:
  MemoryWriter(MemoryBlobStore& store, std::optional<Descriptor> expected)
      : store_(store), expected_(std::move(expected)) {}
  void write(std::span<const std::byte> bytes) override { content_.append(as_text(bytes)); }
  std::uint64_t size_bytes() const override { return content_.size(); }
  Descriptor commit(std::string media_type) override {
    Digest digest = Digest::of(content_);
    if (expected_ && (expected_->digest != digest || expected_->size_bytes != content_.size()))
      throw_error(ErrorKind::corrupt, "digest mismatch: got {}, want {}", digest.str(), expected_->digest.str());
    Descriptor blob{.media_type = std::move(media_type), .digest = digest, .size_bytes = content_.size()};
    store_.blobs.with([&](auto& all) { all[digest] = std::move(content_); });
    return blob;
  }

 private:
  MemoryBlobStore& store_;
  std::optional<Descriptor> expected_;
  std::string content_;
};

/// A source that owns its text.
class TextSource : public Source {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)), source_(text_) {}
  std::size_t read(std::span<std::byte> into) override { return source_.read(into); }

 private:
  std::string text_;
  SpanSource source_;
};

}  // namespace

std::unique_ptr<BlobWriter> MemoryBlobStore::create() { return std::make_unique<MemoryWriter>(*this, std::nullopt); }

std::unique_ptr<BlobWriter> MemoryBlobStore::create_expected(const Descriptor& expected) {
  if (find_size(expected.digest)) return nullptr;
  return std::make_unique<MemoryWriter>(*this, expected);
}

std::unique_ptr<Source> MemoryBlobStore::open(const Digest& digest) const {
  auto content = blobs.with([&](const auto& all) {
    auto found = all.find(digest);
    return found == all.end() ? std::nullopt : std::optional(found->second);
  });
  if (!content) throw_error(ErrorKind::not_found, "no blob {}", digest.str());
  std::uint64_t size = content->size();
  return std::make_unique<VerifyingSource>(std::make_unique<TextSource>(*std::move(content)), digest, size);
}

Fd MemoryBlobStore::open_file(const Digest& digest) const {
  throw_error(ErrorKind::unsupported, "blob {} is in memory, not in a file", digest.str());
}

std::optional<std::uint64_t> MemoryBlobStore::find_size(const Digest& digest) const {
  return blobs.with([&](const auto& all) {
    auto found = all.find(digest);
    return found == all.end() ? std::nullopt : std::optional<std::uint64_t>(found->second.size());
  });
}

void MemoryBlobStore::remove(const Digest& digest) {
  blobs.with([&](auto& all) { all.erase(digest); });
}

std::vector<Digest> MemoryBlobStore::list() const {
  return blobs.with([](const auto& all) {
    std::vector<Digest> digests;
    for (const auto& entry : all) digests.push_back(entry.first);
    return digests;
  });
}

}  // namespace imgb
