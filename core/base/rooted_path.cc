#include "core/base/rooted_path.h"

#include "core/base/error.h"

namespace imgb {
namespace {

/// Appends the components of `more` to `text` ("" or "/a/b"), dropping what path.Clean drops.
void append_cleaned(std::string& text, std::string_view more) {
  while (!more.empty()) {
    std::size_t slash = more.find('/');
    std::string_view part = more.substr(0, slash);
    more = slash == std::string_view::npos ? std::string_view() : more.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      text.resize(text.empty() ? 0 : text.rfind('/'));
      continue;
    }
    text += '/';
    text += part;
  }
}

void refuse_nul(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) throw_error(ErrorKind::input, "path holds a NUL byte");
}

}  // namespace

RootedPath RootedPath::clean(std::string_view text) {
  refuse_nul(text);
  std::string cleaned;
  append_cleaned(cleaned, text);
  return cleaned.empty() ? RootedPath() : RootedPath(std::move(cleaned));
}

RootedPath RootedPath::parse_strict(std::string_view text) {
  RootedPath path = clean(text);
  if (text.starts_with('/') ? path.str() != text : path.relative() != text)
    throw_error(ErrorKind::input, "path {} is not clean", text);
  return path;
}

std::string_view RootedPath::name() const { return std::string_view(text_).substr(text_.rfind('/') + 1); }

RootedPath RootedPath::parent() const {
  std::size_t slash = text_.rfind('/');
  return slash == 0 ? RootedPath() : RootedPath(text_.substr(0, slash));
}

RootedPath RootedPath::join(std::string_view more) const {
  refuse_nul(more);
  std::string joined;
  if (!more.starts_with('/') && !is_root()) joined = text_;
  append_cleaned(joined, more);
  return joined.empty() ? RootedPath() : RootedPath(std::move(joined));
}

RootedPath RootedPath::child(std::string_view name) const {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos)
    throw_error(ErrorKind::internal, "not one path component: {}", name);
  std::string text = is_root() ? "/" : text_ + "/";
  text += name;
  return RootedPath(std::move(text));
}

bool RootedPath::is_below(const RootedPath& ancestor) const {
  if (ancestor.is_root()) return !is_root();
  return text_.size() > ancestor.text_.size() && text_.starts_with(ancestor.text_) &&
         text_[ancestor.text_.size()] == '/';
}

std::vector<std::string_view> RootedPath::components() const {
  std::vector<std::string_view> parts;
  std::string_view rest = relative();
  while (!rest.empty()) {
    std::size_t slash = rest.find('/');
    parts.push_back(rest.substr(0, slash));
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  }
  return parts;
}

}  // namespace imgb
