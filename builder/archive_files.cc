#include "builder/archive_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
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

/// A file without a name, written once: gone with this object, or with the process.
class Spool {
 public:
  explicit Spool(Store& store) : fd_(store.folder("ingest").open_spool(O_RDWR, 0600)) {}

  Digest fill(Source& from) {
    FdSink file(fd_.duplicate(), "the archive");
    HashingSink hash;
    TeeSink both(file, hash);
    copy(from, both);
    size_bytes_ = hash.size_bytes();
    return hash.finish();
  }
  std::uint64_t size_bytes() const { return size_bytes_; }
  /// From that offset on. One at a time: they share where they are.
  FdSource read(std::uint64_t offset = 0) const {
    if (::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) throw_errno("the archive");
    return FdSource(fd_.duplicate(), "the archive");
  }

 private:
  Fd fd_;
  std::uint64_t size_bytes_ = 0;
};

class TarFiles : public ArchiveFiles {
 public:
  TarFiles(Store& store, const Fd& archive, std::string_view what, std::stop_token stop)
      : spool_(store), stop_(std::move(stop)) {
    FdSource bytes(archive.duplicate(), std::string(what));
    Digest digest = spool_.fill(bytes);
    FdSource start = spool_.read();
    auto kind = find_archive_kind(start, {});
    if (!kind) throw_error(ErrorKind::input, "{} is no tar archive", printable(what));
    if (!kind->layer_form) {
      Spool tar(store);
      FdSource compressed = spool_.read();
      digest = tar.fill(*decode_confined(compressed));
      spool_ = std::move(tar);
    }
    plain_ = kind->compression == Compression::none;
    Descriptor blob{std::string(oci_layer_type(kind->compression)), digest, spool_.size_bytes()};
    auto stream = [this](const Descriptor&, Sink& into) {
      FdSource all = spool_.read();
      copy(all, into);
    };
    tree_ =
        TreeView().with(std::make_shared<const Toc>(run_ingest(blob, std::nullopt, stream, {}, nullptr, stop_).toc));
  }

  bool has(std::string_view path) override { return find(path).has_value(); }

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
    std::optional<FdSource> file;
    std::unique_ptr<Source> stream;
    std::uint64_t at = 0;
    for (const auto& [node, path] : wanted) {
      throw_if_stopped(stop_);
      if (plain_) {
        file.emplace(spool_.read(node.data_offset));
      } else {
        if (!stream || node.data_offset < at) {
          stream.reset();  // it reads from the file until it is gone
          file.emplace(spool_.read());
          stream = decode_confined(*file);
          at = 0;
        }
        skip(*stream, node.data_offset - at);
      }
      PartSource part(plain_ ? static_cast<Source&>(*file) : *stream, node.meta.size_bytes);
      take(path, part, node.meta.size_bytes);
      at = node.data_offset + node.meta.size_bytes;
      skip(part, part.left());
    }
  }

  Spool spool_;
  bool plain_ = true;
  TreeView tree_;
  std::stop_token stop_;
};

class FolderFiles : public ArchiveFiles {
 public:
  explicit FolderFiles(const Dir& folder) : folder_(folder.duplicate()) {}

  bool has(std::string_view path) override {
    auto stat = folder_.find_stat(RootedPath::clean(path).relative(), Links::in_root);
    return stat && stat->type == FileType::regular;
  }
  std::optional<std::string> find_text(std::string_view path, std::uint64_t max_bytes) override {
    return folder_.find_content(RootedPath::clean(path).relative(), max_bytes, Links::in_root);
  }
  void read_all(const std::set<std::string>& paths, const Take& take) override {
    for (const std::string& path : paths) {
      if (!has(path)) throw_missing(path);
      FdSource file(folder_.open_file(RootedPath::clean(path).relative(), O_RDONLY | O_NONBLOCK, 0, Links::in_root),
                    path);
      FileStat stat = stat_of(file.fd(), path);
      if (stat.type != FileType::regular) throw_missing(path);
      take(path, file, stat.size_bytes);
    }
  }

 private:
  Dir folder_;
};

}  // namespace

std::unique_ptr<ArchiveFiles> open_archive_files(Store& store, const Fd& archive, std::string_view what,
                                                 std::stop_token stop) {
  return std::make_unique<TarFiles>(store, archive, what, std::move(stop));
}

std::unique_ptr<ArchiveFiles> open_folder_files(const Dir& folder) { return std::make_unique<FolderFiles>(folder); }

}  // namespace imgb
