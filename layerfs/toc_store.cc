#include "layerfs/toc_store.h"

#include <fcntl.h>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "core/base/text.h"

namespace imgb {

void keep_toc(Store& store, const LayerKey& layer, const Toc& toc) {
  Dir folder = store.folder("tocs");
  std::string name = layer.digest.hex();
  if (folder.find_stat(name) && find_toc(store, layer)) return;
  folder.replace_file(name, 0600, Dir::Sync::later, [&](const Fd& file) {
    FdSink sink(file.duplicate(), name);
    write_toc(toc, sink);
  });
}

std::shared_ptr<const Toc> find_toc(Store& store, const LayerKey& layer) {
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

bool has_toc(Store& store, const LayerKey& layer) {
  std::string name = layer.digest.hex();
  auto file = store.folder("tocs").find_file(name, O_RDONLY);
  if (!file) return false;
  std::uint64_t size_bytes = stat_of(*file, name).size_bytes;
  FdSource source(*std::move(file), name);
  return has_length_of_toc(source, size_bytes);
}

std::vector<LayerKey> list_tocs(Store& store) {
  std::vector<LayerKey> layers;
  for (const Dir::Entry& entry : store.folder("tocs").list())
    if (auto digest = Digest::find("sha256:" + entry.name)) layers.push_back({*digest});
  return layers;
}

void remove_toc(Store& store, const LayerKey& layer) { store.folder("tocs").remove(layer.digest.hex()); }

}  // namespace imgb
