#include "builder/stack_files.h"

#include <fcntl.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/task.h"
#include "layerfs/decoder.h"
#include "layerfs/ingest.h"

namespace imgb {
namespace {

/// A part of a file, read without moving its offset.
class RangeSource : public Source {
 public:
  RangeSource(const Fd& fd, std::uint64_t offset, std::uint64_t size) : fd_(fd), at_(offset), left_(size) {}
  std::size_t read(std::span<std::byte> into) override {
    into = into.first(std::min<std::uint64_t>(into.size(), left_));
    if (into.empty()) return 0;
    std::size_t got = read_at(fd_, into, at_, "spooled layer data");
    at_ += got;
    left_ -= got;
    return got;
  }

 private:
  const Fd& fd_;
  std::uint64_t at_, left_;
};

void read_exactly(Source& from, std::span<std::byte> into) {
  while (!into.empty()) {
    std::size_t got = from.read(into);
    if (got == 0) throw_error(ErrorKind::corrupt, "layer ends early");
    into = into.subspan(got);
  }
}

}  // namespace

void StackFiles::prepare(std::vector<Range> wanted) {
  std::erase_if(wanted, [](const Range& range) { return range.size_bytes == 0; });
  if (wanted.empty()) return;
  if (snapshots_.has(layers_)) {
    unpacked_ = snapshots_.ensure(layers_, stream_from(store_.blobs()), {}, stop_);
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  for (std::size_t from = 0; unpacked_.empty() && from < wanted.size();) {
    std::size_t to = from;
    while (to < wanted.size() && wanted[to].layer == wanted[from].layer) ++to;
    spool_layer(wanted[from].layer, std::span(wanted).subspan(from, to - from));
    from = to;
  }
}

void StackFiles::spool_layer(std::size_t layer, std::span<const Range> wanted) {
  if (!spool_) spool_ = store_.folder("ingest").open_spool(O_RDWR, 0600);
  const Descriptor& blob = layers_.at(layer).blob;
  auto compressed = store_.blobs().open(blob.digest);
  auto tar = decode_confined(*compressed);
  std::vector<std::byte> buffer(kStreamBufferBytes);
  std::uint64_t at = 0;
  for (const Range& range : wanted) {
    throw_if_stopped(stop_);
    if (range.offset < at) throw_error(ErrorKind::corrupt, "files of layer {} overlap", blob.digest.short_hex());
    while (at < range.offset) {
      auto part = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), range.offset - at));
      read_exactly(*tar, part);
      at += part.size();
    }
    spooled_[{layer, range.offset}] = spool_size_;
    for (std::uint64_t left = range.size_bytes; left > 0;) {
      auto part = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), left));
      read_exactly(*tar, part);
      write_all(spool_, part, "spooled layer data");
      at += part.size();
      left -= part.size();
      spool_size_ += part.size();
    }
  }
}

std::unique_ptr<Source> StackFiles::open(const TreeView::Node& node) {
  if (node.meta.size_bytes == 0) return std::make_unique<SpanSource>(std::string_view());
  if (unpacked_.empty()) return open(range_of(node));
  std::string path = unpacked_.at(node.layer) + node.path.str();
  return std::make_unique<FdSource>(snapshots_.folder().open_file(path, O_RDONLY), node.path.str());
}

std::unique_ptr<Source> StackFiles::open(const Range& range) {
  if (range.size_bytes == 0) return std::make_unique<SpanSource>(std::string_view());
  auto place = spooled_.find({range.layer, range.offset});
  if (place == spooled_.end()) throw_error(ErrorKind::internal, "layer data was not asked for");
  return std::make_unique<RangeSource>(spool_, place->second, range.size_bytes);
}

}  // namespace imgb
