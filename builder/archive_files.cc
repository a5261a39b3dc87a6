#include "builder/archive_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "builder/build_context.h"
#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "layerfs/decoder.h"
#include "layerfs/ingest.h"
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

class TarFiles : public ArchiveFiles {
 public:
  TarFiles(Store& store, Layer layer, std::stop_token stop)
      : store_(store),
        layer_(std::move(layer)),
        tree_(TreeView().with(toc_of(store, layer_, stop))),
        stop_(std::move(stop)) {}
  ~TarFiles() override {
    try {
      store_.blobs().remove(layer_.blob.digest);
    } catch (const Error&) {
      // What cannot be removed now is a blob without a name: prune finds it.
    }
  }

  bool has(std::string_view path) override { return find(path).has_value(); }

  std::optional<std::string> find_text(std::string_view path, std::uint64_t max_bytes) override {
    auto node = find(path);
    if (!node) return std::nullopt;
    return read_from_layer(store_, layer_, *node, max_bytes);
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
    bool plain = compression_of_layer(layer_.blob.media_type).value_or(Compression::none) == Compression::none;
    std::unique_ptr<FdSource> file;
    std::unique_ptr<Source> stream;
    std::uint64_t at = 0;
    for (const auto& [node, path] : wanted) {
      throw_if_stopped(stop_);
      bool begin = !file || node.data_offset < at;
      if (begin) {
        file = std::make_unique<FdSource>(store_.blobs().open_file(layer_.blob.digest), "the archive");
        if (!plain) stream = decode_confined(*file);
        at = 0;
      }
      if (plain) {
        if (::lseek(file->fd().get(), static_cast<off_t>(node.data_offset), SEEK_SET) < 0) throw_errno("the archive");
      } else {
        skip(*stream, node.data_offset - at);
      }
      Source& from = plain ? static_cast<Source&>(*file) : *stream;
      PartSource part(from, node.meta.size_bytes);
      take(path, part, node.meta.size_bytes);
      at = node.data_offset + node.meta.size_bytes;
      skip(part, part.left());
    }
  }

  Store& store_;
  Layer layer_;
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
  Layer layer = open_archive_context(store, archive, what, stop).layer;
  return std::make_unique<TarFiles>(store, std::move(layer), std::move(stop));
}

std::unique_ptr<ArchiveFiles> open_folder_files(const Dir& folder) { return std::make_unique<FolderFiles>(folder); }

}  // namespace imgb
