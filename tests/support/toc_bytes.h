#pragma once
#include <string>
#include <string_view>

#include "core/base/stream.h"
#include "layerfs/toc.h"

namespace imgb {

/// A table of contents as the bytes of its file, and back.
inline std::string toc_bytes(const Toc& toc) {
  StringSink sink;
  write_toc(toc, sink);
  return sink.take();
}
inline Toc toc_of_bytes(std::string_view bytes) {
  SpanSource source(bytes);
  return read_toc(source, bytes.size());
}

}  // namespace imgb
