#pragma once
#include <memory>
#include <optional>
#include <stop_token>

#include "core/store/store.h"
#include "layerfs/toc.h"

namespace imgb {

struct LayerOptions {
  Compression compression = Compression::gzip;
  std::optional<int> level;              ///< Codec's own scale; unset: our default (fast).
  std::optional<Nanoseconds> max_mtime;  ///< SOURCE_DATE_EPOCH: later times are clamped to it.
};

/// The mtime that a layer holds for a file of this one: whole seconds, not before 1970, not after `max_mtime`.
FileTime layer_mtime(FileTime mtime, std::optional<Nanoseconds> max_mtime);

/// Writes one layer in one pass: entries -> canonical tar -> {SHA-256 -> DiffId, compressors -> {SHA-256, blob file}},
/// and its table of contents. Hashing and compressing run on threads of their own (layerfs/layer_pipeline.h); memory is
/// constant but for the table.
///
/// Canonical tar: the caller gives entries in ascending order of path bytes; ustar headers, PAX only where ustar cannot
/// say it, numeric owners, no names, whole seconds. Equal entries give equal bytes on every machine. Folders that are
/// only parents need not be given.
class LayerWriter {
 public:
  LayerWriter(Store& store, LayerOptions options, std::stop_token stop);
  ~LayerWriter();  ///< Unfinished: nothing is left.

  /// From now on each entry is also written below `upper`, as an overlayfs upper folder: for a COPY that a RUN follows
  /// (SnapshotStore::Scratch::open_upper). Call it before the first add.
  void also_unpack(Dir upper);
  /// An earlier blob, of a tree that was much the same: what is compressed there already is copied from it. Changes no
  /// byte of the result. Call it before the first add.
  void reuse(const Digest& earlier);
  /// Who sees to it that a file's bytes have the digest that its entry claims.
  enum class Claim {
    checked,  ///< This class: the bytes are hashed.
    vouched,  ///< The caller: it throws after add() when the file did change. Spares the hashing.
  };
  /// Adds one entry; `data` (regular files only; null: none, size 0) must yield exactly meta.size_bytes, and when
  /// `entry.content` is set bytes of that digest, else Error(input): the file changed while it was read. data_offset is
  /// found here, whatever it held. Without `entry.content` the bytes are always hashed.
  /// A hard link to a file of a lower layer carries that file's metadata in `meta`. Error(internal) when out of order;
  /// Error(input) for what a layer cannot hold (sockets, names that begin with ".wh.").
  void add(TocEntry entry, Source* data = nullptr, Claim claim = Claim::checked);
  /// Commits the blob and the table of contents. Once, last.
  Layer finish();
  const Toc& toc() const;  ///< After finish().
  /// After finish(): how many segments were copied from the earlier blob.
  std::size_t reused_segments() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
