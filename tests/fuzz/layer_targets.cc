#include <algorithm>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "layerfs/codec.h"
#include "layerfs/layer_reader.h"
#include "layerfs/tree_view.h"
#include "tests/fuzz/targets.h"
#include "tests/support/toc_bytes.h"

namespace imgb::fuzz {
namespace {

constexpr std::uint64_t kMaxEntries = 2000, kMaxDecodedBytes = 32 << 20;
constexpr std::size_t kPieceBytes = 700;

void look_around(const TreeView& tree) {
  for (const char* path : {"/", "/a", "/a/b/c", "/etc/passwd"}) {
    may_refuse([&] { tree.find(tree.resolve(RootedPath::clean(path))); });
  }
  tree.walk(RootedPath(), [](const TreeView::Node&) { return true; });
}

}  // namespace

void layer_tar(std::string_view bytes) {
  std::string_view rest = bytes;
  TarReader reader([&] {
    std::string_view piece = rest.substr(0, kPieceBytes);
    rest.remove_prefix(piece.size());
    return as_bytes(piece);
  });
  try {
    Toc toc = read_layer(reader, kMaxEntries, nullptr);
    check(toc);
    check(toc_of_bytes(toc_bytes(toc)));
    for (const TocEntry& entry : toc) {
      if (entry.kind != TocEntry::Kind::file || entry.meta.type != FileType::regular) continue;
      want(entry.data_offset + entry.meta.size_bytes <= bytes.size(), "content lies within the tar");
      want(Digest::of(bytes.substr(entry.data_offset, entry.meta.size_bytes)) == entry.content, "content is as hashed");
    }
    look_around(TreeView().with(std::make_shared<const Toc>(std::move(toc))));
  } catch (const Error& e) {
    want(e.kind() == ErrorKind::input || e.kind() == ErrorKind::corrupt, "a bad tar is refused as such");
  }
}

void table_of_contents(std::string_view bytes) {
  try {
    auto toc = std::make_shared<const Toc>(toc_of_bytes(bytes));
    check(*toc);
    look_around(TreeView().with(toc).with(toc));
  } catch (const Error& e) {
    want(e.kind() == ErrorKind::corrupt, "a bad table is corrupt");
  }
}

void compressed(std::string_view bytes) {
  try {
    SpanSource from(bytes);
    auto decoded = make_sniffing_decompressor(from);
    std::vector<std::byte> buffer(1 << 16);
    for (std::uint64_t total = 0; total < kMaxDecodedBytes;) {
      std::size_t got = decoded->read(buffer);
      if (got == 0) break;
      want(got <= buffer.size(), "no more than asked for");
      total += got;
    }
  } catch (const Error& e) {
    want(e.kind() == ErrorKind::corrupt, "damage is corrupt");
  }
}

}  // namespace imgb::fuzz
