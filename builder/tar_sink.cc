#include "builder/tar_sink.h"

#include <array>

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/tar_format.h"

namespace imgb {
namespace {
constexpr std::array<char, 2 * kTarBlockBytes> kZeros{};
}  // namespace

void TarSink::put(Source* content, std::uint64_t size_bytes, std::string_view name) {
  into_.write(as_bytes(header_));
  header_.clear();
  if (size_bytes == 0) return;
  std::uint64_t copied = copy(*content, into_);
  if (copied != size_bytes) {
    throw_error(ErrorKind::corrupt, "{}: {} bytes instead of {}", printable(name), copied, size_bytes);
  }
  into_.write(as_bytes(std::string_view(kZeros.data(), tar_padding(size_bytes))));
}

void TarSink::add_folder(std::string_view name) {
  append_tar_header(header_, {.name = std::string(name) + '/', .type = '5', .mode = 0755});
  put(nullptr, 0, name);
}

void TarSink::add_file(std::string_view name, std::string_view content) {
  SpanSource source(content);
  add_file(name, source, content.size());
}

void TarSink::add_file(std::string_view name, Source& content, std::uint64_t size_bytes) {
  append_tar_header(header_, {.name = std::string(name), .type = '0', .mode = 0644, .size_bytes = size_bytes});
  put(&content, size_bytes, name);
}

void TarSink::add(const TocEntry& entry, const FileMeta& link_meta, Source* content) {
  append_tar_header(header_, tar_member_of(entry, link_meta));
  bool has_bytes = entry.kind == TocEntry::Kind::file && entry.meta.type == FileType::regular;
  put(content, has_bytes ? entry.meta.size_bytes : 0, entry.path.str());
}

void TarSink::finish() { into_.write(as_bytes(std::string_view(kZeros.data(), kZeros.size()))); }

}  // namespace imgb
