#include "registry/http.h"

#include <algorithm>

#include "core/base/text.h"

namespace imgb {

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (iequals_ascii(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const Field& field : fields_) {
    if (iequals_ascii(field.name, name)) out.push_back(field.value);
  }
  return out;
}

void Headers::set(std::string name, std::string value) {
  remove(name);
  add(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const Field& field) { return iequals_ascii(field.name, name); });
}

}  // namespace imgb
