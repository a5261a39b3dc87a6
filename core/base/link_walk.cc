#include "core/base/link_walk.h"

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {

void LinkWalk::push(std::string_view path) {
  std::vector<std::string_view> parts = split(path, '/');
  todo_.insert(todo_.end(), parts.rbegin(), parts.rend());
}

void LinkWalk::drop_empty() {
  while (!todo_.empty() && (todo_.back().empty() || todo_.back() == ".")) todo_.pop_back();
}

std::optional<std::string> LinkWalk::next() {
  drop_empty();
  if (todo_.empty()) return std::nullopt;
  std::string part = std::move(todo_.back());
  todo_.pop_back();
  return part;
}

bool LinkWalk::at_end() {
  drop_empty();
  return todo_.empty();
}

bool LinkWalk::follow(std::string_view target) {
  if (++links_ > kMaxLinks) throw_error(ErrorKind::input, "{}: too many levels of symbolic links", printable(what_));
  push(target);
  return target.starts_with('/');
}

}  // namespace imgb
