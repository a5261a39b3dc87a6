#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/stream.h"
#include "layerfs/toc.h"

namespace imgb {

/// Writes one tar into a sink, members in the order they come. Borrows the sink.
class TarSink {
 public:
  explicit TarSink(Sink& into) : into_(into) {}
  void add_folder(std::string_view name);  ///< Mode 0755, owner 0:0, time 0.
  void add_file(std::string_view name, std::string_view content);
  void add_file(std::string_view name, Source& content, std::uint64_t size_bytes);
  /// An entry of a tree; `link_meta`: of the target, for hard links. `content`: regular files that are not empty.
  void add(const TocEntry& entry, const FileMeta& link_meta, Source* content);
  void finish();

 private:
  void put(Source* content, std::uint64_t size_bytes, std::string_view name);

  Sink& into_;
  std::string header_;
};

}  // namespace imgb
