#include "cli/served_files.h"

#include <nlohmann/json.hpp>

#include "core/base/text.h"
#include "layerfs/ingest.h"
#include "layerfs/toc_store.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

std::string_view word_for(const TocEntry& entry) {
  switch (entry.kind) {
    case TocEntry::Kind::hard_link:
      return "hard link";
    case TocEntry::Kind::removed:
      return "removed";
    case TocEntry::Kind::opaque:
      return "emptied";
    case TocEntry::Kind::file:
      break;
  }
  switch (entry.meta.type) {
    case FileType::regular:
      return "file";
    case FileType::directory:
      return "folder";
    case FileType::symlink:
      return "link";
    case FileType::fifo:
      return "fifo";
    default:
      return "device";
  }
}

Json row_for(const TocEntry& entry) {
  Json row{{"path", printable(entry.path.str(), kMaxPathBytes)},
           {"mode", entry.kind == TocEntry::Kind::file ? fmt::format("{:04o}", entry.meta.mode) : ""},
           {"type", word_for(entry)},
           {"size", entry.meta.size_bytes}};
  if (entry.kind == TocEntry::Kind::hard_link)
    row["target"] = printable(entry.link_to.str(), kMaxPathBytes);
  else if (!entry.meta.link_target.empty())
    row["target"] = printable(entry.meta.link_target, kMaxPathBytes);
  return row;
}

}  // namespace

std::string ServedFiles::list(const Layer& layer, const server::BlobFile& blob) {
  std::lock_guard alone(one_at_a_time_);
  Store& store = env_.store();
  auto stream = [&](const Descriptor& wanted, Sink& into) { copy(*server::open_verified(blob, wanted.digest), into); };
  scan_layer(store, layer.blob, layer.diff_id, stream, {}, stop_.get_token());
  auto toc = find_toc(store, key_of(layer));
  Json files = Json::array();
  if (toc)
    for (std::size_t i = 0; i < std::min(toc->size(), kMaxShown); ++i) files.push_back(row_for((*toc)[i]));
  return Json{{"files", std::move(files)}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace imgb
