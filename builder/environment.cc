#include "builder/environment.h"

namespace imgb {

Environment::Environment(std::span<const std::string> entries) {
  for (const std::string& entry : entries) {
    std::size_t equals = entry.find('=');
    if (equals == std::string::npos) {
      set(entry, "");
    } else {
      set(std::string_view(entry).substr(0, equals), std::string_view(entry).substr(equals + 1));
    }
  }
}

void Environment::set(std::string_view name, std::string_view value) {
  if (auto found = index_.find(name); found != index_.end()) {
    entries_[found->second].second = value;
    return;
  }
  index_.emplace(name, entries_.size());
  entries_.emplace_back(name, value);
}

const std::string* Environment::find(std::string_view name) const {
  auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

std::vector<std::string> Environment::as_list() const {
  std::vector<std::string> list;
  list.reserve(entries_.size());
  for (const auto& [name, value] : entries_) list.push_back(name + "=" + value);
  return list;
}

}  // namespace imgb
