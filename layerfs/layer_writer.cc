#include "layerfs/layer_writer.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/ingest.h"
#include "layerfs/layer_pipeline.h"
#include "layerfs/segment_table.h"
#include "layerfs/segment_writer.h"
#include "layerfs/tar_format.h"
#include "layerfs/toc_record.h"
#include "layerfs/toc_store.h"
#include "layerfs/upper_writer.h"

namespace imgb {
namespace {
constexpr std::uint64_t kDiskReserveBytes = 64ULL << 20;
}

FileTime layer_mtime(FileTime mtime, std::optional<Nanoseconds> max_mtime) {
  FileTime clamped = std::max<FileTime>(std::min(mtime, max_mtime.value_or(mtime)), 0);
  return clamped - clamped % kNanosecondsPerSecond;
}

struct LayerWriter::State {
  State(Store& in, LayerOptions how, std::stop_token stop)
      : store(in),
        options(how),
        pipeline(in.blobs(), how.compression, how.level, std::move(stop)),
        tar(pipeline, how.compression) {}

  void check_order(const TocEntry& entry) const;
  void check_room(const TocEntry& entry) const;
  FileMeta meta_of_target(const TocEntry& link) const;
  Digest copy_data(const TocEntry& entry, Source* data, Claim claim);
  void unpack_entry(const TocEntry& entry);

  Store& store;
  LayerOptions options;
  LayerPipeline pipeline;
  SegmentWriter tar;
  TocBuilder contents;
  std::string header;  // reused
  std::optional<UpperWriter> unpack;
  Toc toc;
  std::size_t reused = 0;
};

void LayerWriter::State::check_order(const TocEntry& entry) const {
  if (contents.size() == 0) return;
  std::size_t last = contents.size() - 1;
  std::string_view path = contents.path(last);
  auto rank = [](TocEntry::Kind kind) { return static_cast<int>(kind); };
  bool rises = path != entry.path.str() ? path < entry.path.str() : rank(contents.kind(last)) < rank(entry.kind);
  // A file and its own removal would undo each other in some readers.
  bool contradicts = path == entry.path.str() && entry.kind != TocEntry::Kind::opaque;
  if (!rises || contradicts)
    throw_error(ErrorKind::internal, "layer entry {} after {}", printable(entry.path.str()), printable(path));
}

/// What nobody could read again is not begun with.
void LayerWriter::State::check_room(const TocEntry& entry) const {
  constexpr IngestLimits kReadable;
  if (contents.size() >= kReadable.max_entries)
    throw_error(ErrorKind::unsupported, "{}: a layer has {} entries at most", printable(entry.path.str()),
                kReadable.max_entries);
  std::uint64_t room = kReadable.max_layer_bytes - std::min(pipeline.size_bytes(), kReadable.max_layer_bytes);
  if (entry.meta.size_bytes + kTarBlockBytes <= room) return;
  throw Error(ErrorKind::unsupported,
              fmt::format("{}: with its {} the layer would have more than {}, the most that one may have",
                          printable(entry.path.str()), render_size(entry.meta.size_bytes),
                          render_size(kReadable.max_layer_bytes)))
      .set_hint("holes of a sparse file count as if they were filled");
}

FileMeta LayerWriter::State::meta_of_target(const TocEntry& link) const {
  auto target = contents.find_sorted(link.link_to.str(), TocEntry::Kind::file);
  return target ? contents.entry(*target).meta : link.meta;
}

/// Exactly size_bytes go into the tar; the caller's promise about them is checked at both ends.
Digest LayerWriter::State::copy_data(const TocEntry& entry, Source* data, Claim claim) {
  auto changed = [&](std::string_view how) {
    throw_error(ErrorKind::input, "{}: the file {} while it was read", printable(entry.path.str()), how);
  };
  std::optional<Hasher> hasher;
  if (claim == Claim::checked || !entry.content) hasher.emplace();
  if (unpack) unpack->begin_file(entry.path, entry.meta);
  std::uint64_t left = entry.meta.size_bytes;
  tar.begin_data(entry.content);
  while (left > 0) {
    std::span<std::byte> space = tar.space();
    space = space.first(static_cast<std::size_t>(std::min<std::uint64_t>(space.size(), left)));
    std::size_t got = data ? data->read(space) : 0;
    if (got == 0) changed("became shorter");
    if (hasher) hasher->update(space.first(got));
    if (unpack) unpack->write(space.first(got));
    tar.advance(got);
    left -= got;
  }
  if (unpack) unpack->end_file();
  std::array<std::byte, 1> more;
  if (data && data->read(more) != 0) changed("became longer");
  Digest content = hasher ? hasher->finish() : *entry.content;
  if (entry.content && *entry.content != content) changed("changed");
  tar.end_data(content);
  static constexpr std::array<std::byte, kTarBlockBytes> kZeros{};
  tar.write(std::span(kZeros).first(tar_padding(entry.meta.size_bytes)));
  return content;
}

LayerWriter::LayerWriter(Store& store, LayerOptions options, std::stop_token stop)
    : state_(std::make_unique<State>(store, options, std::move(stop))) {}
LayerWriter::~LayerWriter() = default;

void LayerWriter::reuse(const Digest& earlier) {
  State& s = *state_;
  auto table = find_segments(s.store, earlier);
  if (table && s.store.blobs().find_size(earlier)) s.tar.reuse(std::move(*table), s.store.blobs().open_file(earlier));
}

void LayerWriter::also_unpack(Dir upper) { state_->unpack.emplace(std::move(upper), kDiskReserveBytes); }

/// Whiteouts and what folders need come at the end, from the table of contents; so do links into lower layers (seal).
void LayerWriter::State::unpack_entry(const TocEntry& entry) {
  if (entry.kind == TocEntry::Kind::hard_link) {
    bool here = contents.find_sorted(entry.link_to.str(), TocEntry::Kind::file).has_value();
    if (here) unpack->make_hard_link(entry.path, entry.link_to);
  } else if (entry.kind == TocEntry::Kind::file && entry.meta.type == FileType::directory) {
    if (!entry.path.is_root()) unpack->make_folder(entry.path);
  } else if (entry.kind == TocEntry::Kind::file) {
    unpack->make_special(entry.path, entry.meta);
  }
}

void LayerWriter::add(TocEntry entry, Source* data, Claim claim) {
  State& s = *state_;
  s.check_order(entry);
  entry.meta.mtime = layer_mtime(entry.meta.mtime, s.options.max_mtime);
  bool has_data = entry.kind == TocEntry::Kind::file && entry.meta.type == FileType::regular;
  if (!has_data) entry.meta.size_bytes = 0;
  s.check_room(entry);
  FileMeta link_meta;
  if (entry.kind == TocEntry::Kind::hard_link) link_meta = s.meta_of_target(entry);
  s.header.clear();
  append_tar_header(s.header, tar_member_of(entry, link_meta));
  s.tar.begin_entry(entry.path.str(), entry.meta.size_bytes);
  s.tar.write(as_bytes(s.header));
  if (has_data) {
    entry.data_offset = s.pipeline.size_bytes();
    entry.content = s.copy_data(entry, data, claim);
  } else {
    entry.content.reset();
  }
  if (s.unpack && !has_data) s.unpack_entry(entry);
  if (entry.kind != TocEntry::Kind::file) entry.meta = FileMeta{};
  s.contents.add(entry);
}

Layer LayerWriter::finish() {
  State& s = *state_;
  static constexpr std::array<std::byte, 2 * kTarBlockBytes> kEnd{};
  s.tar.write(kEnd);
  LayerPipeline::Result result = s.tar.finish();
  Layer layer{std::move(result.blob), DiffId{result.diff_id}};
  s.reused = result.reused;
  s.toc = s.contents.finish();
  if (s.unpack) s.unpack->finish(s.toc);
  keep_toc(s.store, key_of(layer), s.toc);
  if (SegmentTable segments = s.tar.table(); segments.size() > 1) keep_segments(s.store, layer.blob.digest, segments);
  return layer;
}

const Toc& LayerWriter::toc() const { return state_->toc; }
std::size_t LayerWriter::reused_segments() const { return state_->reused; }

}  // namespace imgb
