#include "core/store/file_blob_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "core/base/error.h"
#include "core/store/file_lock.h"
#include "core/store/layout.h"
#include "core/store/partial_blob.h"

namespace imgb {
namespace {

// A blob's file is writable by its owner until `publish` has synced it: the mode is the mark of what a power cut
// spares.
constexpr std::uint32_t kUnsyncedMode = 0644;

/// From ingest/, over a file that was cut short too.
void put_in_place(const Dir& ingest, const std::string& name, const Dir& root, const Digest& digest) {
  FileLock placing = FileLock::take(root, layout::kBlobsLock, FileLock::Mode::shared);
  ingest.rename(name, root, layout::blob(digest));
}

/// A blob whose digest is known when it is complete: an unnamed file that the kernel forgets if nobody links it. Where
/// the file system has no such files (NFS, FUSE) it is a named one in ingest/, locked by its writer.
class FreshWriter : public BlobWriter {
 public:
  FreshWriter(const Dir& root, const Dir& ingest, Lease& lease) : root_(root), ingest_(ingest), lease_(lease) {
    if (auto unnamed = ingest.find_unnamed(O_RDWR, kUnsyncedMode))
      file_ = *std::move(unnamed);
    else
      open_named();
  }
  FreshWriter(const FreshWriter&) = delete;
  ~FreshWriter() override {
    if (!name_.empty()) ::unlinkat(ingest_.fd().get(), name_.c_str(), 0);  // a leftover, at worst, for prune
  }

  void write(std::span<const std::byte> bytes) override {
    hasher_.update(bytes);
    write_all(file_, bytes, "blob");
    size_ += bytes.size();
  }
  std::uint64_t size_bytes() const override { return size_; }

  void expect(const Digest& digest) override {
    if (digest.algorithm() != DigestAlgorithm::sha256)
      throw_error(ErrorKind::unsupported, "{} is not of sha256", digest.str());
    expected_ = digest;
  }

  Descriptor commit(std::string media_type) override {
    Digest digest = hasher_.finish();
    if (expected_ && digest != *expected_)
      throw_error(ErrorKind::corrupt, "digest mismatch: got {} ({} bytes), want {}", digest.str(), size_,
                  expected_->str());
    bool there = lease_.hold(digest.str(), [&] { return is_there(digest); });
    if (!there) place(digest);
    return {.media_type = std::move(media_type), .digest = digest, .size_bytes = size_};
  }

 private:
  /// What is there is trusted by its size; a file cut short is replaced.
  bool is_there(const Digest& digest) const {
    auto there = root_.find_stat(layout::blob(digest));
    return there && there->size_bytes == size_;
  }

  static std::string new_name() {
    std::random_device random;
    return fmt::format("new-{:08x}{:08x}", random(), random());
  }

  void open_named() {
    name_ = new_name();
    lease_.note(layout::ingest(name_));
    file_ = ingest_.open_file(name_, O_RDWR | O_CREAT | O_EXCL, kUnsyncedMode);
    lock(file_);
  }

  void place(const Digest& digest) {
    if (name_.empty()) {
      try {
        root_.link_unnamed(file_, layout::blob(digest));
        return;
      } catch (const SystemError& e) {
        if (e.errno_value() != EEXIST) throw;
      }
      if (is_there(digest)) return;  // another wrote the same content meanwhile
      std::string name = new_name();
      lease_.note(layout::ingest(name));
      ingest_.link_unnamed(file_, name);
      name_ = std::move(name);
    }
    put_in_place(ingest_, name_, root_, digest);
    name_.clear();
  }

  const Dir &root_, &ingest_;
  Lease& lease_;
  std::string name_;  ///< In ingest/; empty while the file is unnamed.
  Fd file_;
  Hasher hasher_;
  std::optional<Digest> expected_;
  std::uint64_t size_ = 0;
};

/// A blob that turns out to be damaged is taken out of use, so that the next pull or build brings it back.
class QuarantiningSource : public Source {
 public:
  QuarantiningSource(Dir root, const Digest& digest, Fd file, std::unique_ptr<Source> from)
      : root_(std::move(root)), digest_(digest), file_(std::move(file)), from_(std::move(from)) {}

  std::size_t read(std::span<std::byte> into) override {
    try {
      return from_->read(into);
    } catch (Error& e) {
      if (e.kind() == ErrorKind::corrupt && take_out_of_use())
        e.set_hint("the damaged blob was moved to quarantine/: pull or build again");
      throw;
    }
  }

 private:
  bool take_out_of_use() const {
    try {
      return quarantine(root_, digest_, file_);
    } catch (const Error&) {
      return false;  // that the blob is damaged is the worse news
    }
  }

  Dir root_;
  Digest digest_;
  Fd file_;
  std::unique_ptr<Source> from_;
};

/// Made again when someone kept a store's truth alone: oci-layout, index.json and blobs.
Dir open_ingest(const Dir& root) {
  auto there = root.find_dir(layout::kIngest);
  return there ? *std::move(there) : root.make_dirs(layout::kIngest, 0700);
}

}  // namespace

FileBlobStore::FileBlobStore(Dir root, Lease& lease) : root_(std::move(root)), lease_(lease) {}

const Dir& FileBlobStore::ingest() {
  std::call_once(ingest_opened_, [&] { ingest_ = open_ingest(root_); });
  return ingest_;
}

std::unique_ptr<BlobWriter> FileBlobStore::create() { return std::make_unique<FreshWriter>(root_, ingest(), lease_); }

std::unique_ptr<BlobWriter> FileBlobStore::create_expected(const Descriptor& expected) {
  const Dir& folder = ingest();
  if (expected.digest.algorithm() != DigestAlgorithm::sha256)
    root_.make_dirs(layout::blob_folder(expected.digest.algorithm()), 0755);
  return open_partial_blob(
      folder, expected, kUnsyncedMode, [&] { return find_size(expected.digest) == expected.size_bytes; },
      [this, digest = expected.digest](const std::string& name, const Fd&) {
        put_in_place(ingest_, name, root_, digest);
      });
}

namespace {

std::unique_ptr<Source> verified(const Fd& file, const Digest& digest) {
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  std::uint64_t size = stat_of(file, digest.str()).size_bytes;
  return std::make_unique<VerifyingSource>(std::make_unique<FdSource>(file.duplicate(), digest.str()), digest, size);
}

}  // namespace

std::unique_ptr<Source> FileBlobStore::open(const Digest& digest) const {
  Fd file = open_file(digest);
  auto source = verified(file, digest);
  return std::make_unique<QuarantiningSource>(root_.duplicate(), digest, std::move(file), std::move(source));
}

std::unique_ptr<Source> FileBlobStore::peek(const Digest& digest) const {
  if (auto file = root_.find_file(layout::blob(digest), O_RDONLY)) return verified(*file, digest);
  if (root_.find_stat(fmt::format("{}/{}", layout::kQuarantine, layout::quarantined(digest))))
    throw_error(ErrorKind::corrupt, "{} was damaged and is in {}/", digest.str(), layout::kQuarantine);
  throw_no_blob(digest);
}

void FileBlobStore::throw_no_blob(const Digest& digest) const {
  throw_error(ErrorKind::not_found, "no blob {} in {}", digest.str(), root_.name());
}

Fd FileBlobStore::open_file(const Digest& digest) const {
  auto file = root_.find_file(layout::blob(digest), O_RDONLY);
  if (!file) throw_no_blob(digest);
  return *std::move(file);
}

std::optional<std::uint64_t> FileBlobStore::find_size(const Digest& digest) const {
  return lease_.hold(digest.str(), [&] { return peek_size(digest); });
}

std::optional<std::uint64_t> FileBlobStore::peek_size(const Digest& digest) const {
  auto stat = root_.find_stat(layout::blob(digest));
  return stat ? std::optional(stat->size_bytes) : std::nullopt;
}

bool quarantine(const Dir& root, const Digest& digest, const Fd& damaged) {
  FileLock alone = FileLock::take(root, layout::kBlobsLock, FileLock::Mode::exclusive);
  if (!root.leads_to(layout::blob(digest), damaged)) return false;
  root.rename(layout::blob(digest), root.make_dirs(layout::kQuarantine, 0700), layout::quarantined(digest));
  return true;
}

void FileBlobStore::remove(const Digest& digest) { root_.remove(layout::blob(digest)); }

std::vector<Digest> FileBlobStore::list() const {
  std::vector<Digest> all;
  for (DigestAlgorithm algorithm : {DigestAlgorithm::sha256, DigestAlgorithm::sha512}) {
    auto folder = root_.find_dir(layout::blob_folder(algorithm));
    if (!folder) continue;
    for (const Dir::Entry& entry : folder->list())
      if (auto digest = layout::find_blob(algorithm, entry.name)) all.push_back(*digest);
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace imgb
