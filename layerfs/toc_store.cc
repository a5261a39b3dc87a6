#include "layerfs/toc_store.h"

#include <fcntl.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "core/base/text.h"

namespace imgb {
namespace {

std::string blob_key(const Digest& blob) { return "blob " + blob.str(); }
std::string diff_key(const DiffId& layer) { return "diff " + layer.digest.str(); }
std::string render_line(const Descriptor& blob) {
  return fmt::format("{} {} {}\n", blob.digest.str(), blob.size_bytes, blob.media_type);
}

/// "digest size media-type"; nullopt on anything else: the table is only a memory.
std::optional<Descriptor> find_line(std::string_view line) {
  std::vector<std::string_view> words = split(line, ' ');
  if (words.size() != 3) return std::nullopt;
  auto digest = Digest::find(words[0]);
  auto size = find_unsigned(words[1]);
  if (!digest || !size) return std::nullopt;
  return Descriptor{.media_type = std::string(words[2]), .digest = *digest, .size_bytes = *size};
}

}  // namespace

void keep_toc(Store& store, const DiffId& layer, const Toc& toc) {
  Dir folder = store.folder("tocs");
  std::string name = layer.digest.hex();
  if (folder.find_stat(name) && find_toc(store, layer)) return;
  Fd file = folder.open_unnamed(O_WRONLY, 0600);
  FdSink sink(file.duplicate(), name);
  write_toc(toc, sink);
  try {
    folder.link_unnamed(file, name);
  } catch (const SystemError& e) {
    if (e.errno_value() != EEXIST) throw;  // another process made the same one meanwhile
  }
}

std::shared_ptr<const Toc> find_toc(Store& store, const DiffId& layer) {
  Dir folder = store.folder("tocs");
  std::string name = layer.digest.hex();
  auto file = folder.find_file(name, O_RDONLY);
  if (!file) return nullptr;
  try {
    std::uint64_t size_bytes = stat_of(*file, name).size_bytes;
    FdSource source(*std::move(file), name);
    return std::make_shared<const Toc>(read_toc(source, size_bytes));
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::corrupt) throw;
    folder.remove(name);
    return nullptr;
  }
}

std::vector<DiffId> list_tocs(Store& store) {
  std::vector<DiffId> layers;
  for (const Dir::Entry& entry : store.folder("tocs").list())
    if (auto digest = Digest::find("sha256:" + entry.name)) layers.push_back({*digest});
  return layers;
}

void remove_toc(Store& store, const DiffId& layer) { store.folder("tocs").remove(layer.digest.hex()); }

void remember_layer(Store& store, const Layer& layer) {
  std::string line = render_line(layer.blob);
  std::string known = store.cache().find(CacheTable::layer, diff_key(layer.diff_id)).value_or("");
  if (known.find(line) != std::string::npos) return;
  store.cache().together([&] {
    store.cache().put(CacheTable::layer, diff_key(layer.diff_id), known + line);
    store.cache().put(CacheTable::layer, blob_key(layer.blob.digest), layer.diff_id.digest.str());
  });
}

std::optional<DiffId> find_diff_id(Store& store, const Digest& blob) {
  auto text = store.cache().find(CacheTable::layer, blob_key(blob));
  auto digest = text ? Digest::find(*text) : std::nullopt;
  return digest ? std::optional(DiffId{*digest}) : std::nullopt;
}

std::vector<Descriptor> find_blobs(Store& store, const DiffId& layer) {
  std::vector<Descriptor> out;
  std::string known = store.cache().find(CacheTable::layer, diff_key(layer)).value_or("");
  for (std::string_view line : split(known, '\n')) {
    auto blob = find_line(line);
    if (blob && store.blobs().find_size(blob->digest) == blob->size_bytes) out.push_back(std::move(*blob));
  }
  return out;
}

}  // namespace imgb
