#include "builder/archive_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "builder/archive_input.h"
#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "layerfs/decoder.h"
#include "layerfs/ingest_process.h"
#include "layerfs/tree_view.h"

namespace imgb {
namespace {

/// At most so many bytes of a borrowed source; fewer are an error.
class PartSource : public Source {
 public:
  PartSource(Source& from, std::uint64_t size_bytes) : from_(from), left_(size_bytes) {}
  std::size_t read(std::span<std::byte> into) override {
    if (left_ == 0) return 0;
    std::size_t got = from_.read(into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_))));
    if (got == 0) throw_error(ErrorKind::corrupt, "the archive is cut short");
    left_ -= got;
    return got;
  }
  std::uint64_t left() const { return left_; }

 private:
  Source& from_;
  std::uint64_t left_;
};

void skip(Source& source, std::uint64_t bytes) {
  PartSource part(source, bytes);
  std::vector<std::byte> buffer(kStreamBufferBytes);
  while (part.read(buffer) > 0) {
  }
}

[[noreturn]] void throw_missing(std::string_view path) {
  throw_error(ErrorKind::input, "the archive has no file {:?}", printable(path));
}

/// Part of a file, wherever others read in it.
class FilePart : public Source {
 public:
  FilePart(Fd file, std::uint64_t offset, std::uint64_t size_bytes)
      : file_(std::move(file)), at_(offset), end_(offset + size_bytes) {}
  std::size_t read(std::span<std::byte> into) override {
    if (at_ == end_) return 0;
    std::size_t most = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), end_ - at_));
    ssize_t got = ::pread(file_.get(), into.data(), most, static_cast<off_t>(at_));
    if (got < 0) throw_errno("the archive");
    if (got == 0) throw_error(ErrorKind::corrupt, "the archive is cut short");
    at_ += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }

 private:
  Fd file_;
  std::uint64_t at_, end_;
};

/// A file that can be read from anywhere: the archive itself, or what it holds in one without a name, gone with this
/// object or with the process.
class Spool {
 public:
  static Spool of_file(Fd file, Digest& digest) {
    Spool spool(std::move(file));
    spool.size_bytes_ = stat_of(spool.fd_, "the archive").size_bytes;
    HashingSink hash;
    copy(*spool.read(), hash);
    digest = hash.finish();
    return spool;
  }
  static Spool filled(Store& store, Source& from, Digest& digest) {
    Spool spool(store.folder("ingest").open_spool(O_RDWR, 0600));
    FdSink file(spool.fd_.duplicate(), "the archive");
    HashingSink hash;
    TeeSink both(file, hash);
    copy(from, both);
    spool.size_bytes_ = hash.size_bytes();
    digest = hash.finish();
    return spool;
  }

  std::uint64_t size_bytes() const { return size_bytes_; }
  std::unique_ptr<Source> read() const { return read(0, size_bytes_); }
  std::unique_ptr<Source> read(std::uint64_t offset, std::uint64_t size_bytes) const {
    return std::make_unique<FilePart>(fd_.duplicate(), offset, size_bytes);
  }

 private:
  explicit Spool(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  std::uint64_t size_bytes_ = 0;
};

Spool spool_of(Store& store, const Fd& archive, std::string_view what, Digest& digest) {
  bool at_start = ::lseek(archive.get(), 0, SEEK_CUR) == 0;
  if (at_start && stat_of(archive, what).type == FileType::regular) return Spool::of_file(archive.duplicate(), digest);
  FdSource bytes(archive.duplicate(), std::string(what));
  return Spool::filled(store, bytes, digest);
}

class TarFiles : public ArchiveFiles {
 public:
  TarFiles(Store& store, const Fd& archive, std::string_view what, std::stop_token stop)
      : store_(store), spool_(spool_of(store, archive, what, digest_)), stop_(std::move(stop)) {
    auto kind = find_archive_kind(*spool_.read(), {});
    if (!kind) throw_error(ErrorKind::input, "{} is no tar archive", printable(what));
    plain_ = kind->compression == Compression::none;
    if (!kind->layer_form) make_plain();
    Descriptor blob{std::string(oci_layer_type(plain_ ? Compression::none : kind->compression)), digest_,
                    spool_.size_bytes()};
    auto stream = [this](const Descriptor&, Sink& into) { copy(*spool_.read(), into); };
    tree_ =
        TreeView().with(std::make_shared<const Toc>(run_ingest(blob, std::nullopt, stream, {}, nullptr, stop_).toc));
  }

  std::optional<std::uint64_t> find_size(std::string_view path) override {
    auto node = find(path);
    return node ? std::optional(node->meta.size_bytes) : std::nullopt;
  }

  std::unique_ptr<Source> open(std::string_view path) override {
    auto node = find(path);
    if (!node) throw_missing(path);
    std::call_once(plain_once_, [this] {
      if (!plain_) make_plain();
    });
    return spool_.read(node->data_offset, node->meta.size_bytes);
  }

  std::optional<std::string> find_text(std::string_view path, std::uint64_t max_bytes) override {
    auto node = find(path);
    if (!node) return std::nullopt;
    if (node->meta.size_bytes > max_bytes) {
      throw_error(ErrorKind::input, "{} is longer than {} bytes", printable(path), max_bytes);
    }
    StringSink text;
    read_in_order({{*node, std::string(path)}}, [&](const auto&, Source& content, auto) { copy(content, text); });
    return text.take();
  }

  void read_all(const std::set<std::string>& paths, const Take& take) override {
    std::vector<std::pair<TreeView::Node, std::string>> wanted;
    for (const std::string& path : paths) {
      auto node = find(path);
      if (!node) throw_missing(path);
      wanted.emplace_back(std::move(*node), path);
    }
    std::sort(wanted.begin(), wanted.end(),
              [](const auto& a, const auto& b) { return a.first.data_offset < b.first.data_offset; });
    read_in_order(wanted, take);
  }

 private:
  std::optional<TreeView::Node> find(std::string_view path) const {
    auto node = tree_.find(tree_.resolve(RootedPath::clean(path)));
    if (!node || node->meta.type != FileType::regular) return std::nullopt;
    return node;
  }

  // Two names of one file (a hard link or a symlink to a layer) read the same bytes twice: the stream begins anew.
  void read_in_order(const std::vector<std::pair<TreeView::Node, std::string>>& wanted, const Take& take) const {
    std::unique_ptr<Source> file, stream;
    std::uint64_t at = 0;
    for (const auto& [node, path] : wanted) {
      throw_if_stopped(stop_);
      if (plain_) {
        file = spool_.read(node.data_offset, node.meta.size_bytes);
      } else {
        if (!stream || node.data_offset < at) {
          stream.reset();  // it reads from the file until it is gone
          file = spool_.read();
          stream = decode_confined(*file);
          at = 0;
        }
        skip(*stream, node.data_offset - at);
      }
      PartSource part(plain_ ? *file : *stream, node.meta.size_bytes);
      take(path, part, node.meta.size_bytes);
      at = node.data_offset + node.meta.size_bytes;
      skip(part, part.left());
    }
  }

  /// The tar itself in place of what it is compressed to: the same offsets in it, from anywhere.
  void make_plain() {
    auto compressed = spool_.read();
    spool_ = Spool::filled(store_, *decode_confined(*compressed), digest_);
    plain_ = true;
  }

  Store& store_;
  Digest digest_ = Digest::of("");
  Spool spool_;
  std::once_flag plain_once_;
  bool plain_ = true;
  TreeView tree_;
  std::stop_token stop_;
};

class FolderFiles : public ArchiveFiles {
 public:
  explicit FolderFiles(const Dir& folder) : folder_(folder.duplicate()) {}

  std::optional<std::uint64_t> find_size(std::string_view path) override {
    auto stat = folder_.find_stat(RootedPath::clean(path).relative(), Links::in_root);
    return stat && stat->type == FileType::regular ? std::optional(stat->size_bytes) : std::nullopt;
  }
  std::unique_ptr<Source> open(std::string_view path) override {
    std::uint64_t size_bytes = 0;
    return std::make_unique<FdSource>(open_regular(std::string(path), size_bytes), std::string(path));
  }
  std::optional<std::string> find_text(std::string_view path, std::uint64_t max_bytes) override {
    return folder_.find_content(RootedPath::clean(path).relative(), max_bytes, Links::in_root);
  }
  void read_all(const std::set<std::string>& paths, const Take& take) override {
    for (const std::string& path : paths) {
      std::uint64_t size_bytes = 0;
      FdSource file(open_regular(path, size_bytes), path);
      take(path, file, size_bytes);
    }
  }

 private:
  Fd open_regular(const std::string& path, std::uint64_t& size_bytes) {
    if (!has(path)) throw_missing(path);
    Fd file = folder_.open_file(RootedPath::clean(path).relative(), O_RDONLY | O_NONBLOCK, 0, Links::in_root);
    FileStat stat = stat_of(file, path);
    if (stat.type != FileType::regular) throw_missing(path);
    size_bytes = stat.size_bytes;
    return file;
  }

  Dir folder_;
};

}  // namespace

std::unique_ptr<ArchiveFiles> open_archive_files(Store& store, const Fd& archive, std::string_view what,
                                                 std::stop_token stop) {
  return std::make_unique<TarFiles>(store, archive, what, std::move(stop));
}

std::unique_ptr<ArchiveFiles> open_folder_files(const Dir& folder) { return std::make_unique<FolderFiles>(folder); }

}  // namespace imgb
