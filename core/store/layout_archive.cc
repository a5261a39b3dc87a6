#include "core/store/layout_archive.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "core/base/dir.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/manifest.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

constexpr std::size_t kBlockBytes = 512, kMaxExtensionBytes = 1024 * 1024, kMaxFiles = 1'000'000;

using Block = std::array<std::byte, kBlockBytes>;

/// A piece of a file as a stream.
class PieceSource : public Source {
 public:
  PieceSource(Fd file, TarPlace place, std::string what)
      : file_(std::move(file)), left_(place), what_(std::move(what)) {}
  std::size_t read(std::span<std::byte> into) override {
    std::size_t want = std::min<std::uint64_t>(into.size(), left_.size_bytes);
    if (want == 0) return 0;
    std::size_t got = read_at(file_, into.first(want), left_.offset, what_);
    if (got == 0) throw_error(ErrorKind::corrupt, "{} is cut short", what_);
    left_.offset += got;
    left_.size_bytes -= got;
    return got;
  }

 private:
  Fd file_;
  TarPlace left_;
  std::string what_;
};

/// What the headers before a member say of it, in the place of its own.
struct Override {
  std::optional<std::string> name;
  std::optional<std::uint64_t> size;
};

/// Reads headers one after the other. Spec: POSIX.1-2017 pax "ustar Interchange Format", and GNU's long names.
class TarLister {
 public:
  TarLister(const Fd& file, const std::string& what) : file_(file), what_(what), end_(stat_of(file, what).size_bytes) {}

  std::map<std::string, TarPlace> run() {
    Override next;
    while (read_header()) {
      if (++members_ > kMaxFiles) fail("more than a million files");
      const char type = static_cast<char>(header_[156]);
      const std::uint64_t size = next.size.value_or(number(124, 12));
      if (type == 'x' || type == 'L' || type == 'K' || type == 'g') {
        extend(type, number(124, 12), next);
        continue;
      }
      if (type == 'S') unsupported();
      const bool is_file = type == '0' || type == '\0' || type == '7';
      if (is_file) files_.insert_or_assign(plain(next.name.value_or(header_name())), TarPlace{at_, size});
      if (is_file) skip(size);
      next = {};
    }
    return std::move(files_);
  }

 private:
  [[noreturn]] void fail(std::string_view problem) const {
    throw_error(ErrorKind::input, "{} is no whole tar: {} at byte {}", what_, problem, at_);
  }
  [[noreturn]] void unsupported() const {
    throw_error(ErrorKind::unsupported, "{}: a file in pieces at byte {}", what_, at_);
  }

  /// False at the end. Afterwards `at_` is behind the header.
  bool read_header() {
    if (at_ == end_ && at_ > 0) return false;  // without its last blocks, as some write it
    read_bytes(header_);
    if (std::ranges::all_of(header_, [](std::byte b) { return b == std::byte{0}; })) return false;
    if (number(148, 8) != checksum()) fail("no header");
    return true;
  }

  void read_bytes(std::span<std::byte> into) {
    while (!into.empty()) {
      std::size_t got = read_at(file_, into, at_, what_);
      if (got == 0) fail("it ends");
      at_ += got;
      into = into.subspan(got);
    }
  }

  std::uint64_t checksum() const {
    std::uint64_t sum = 8 * ' ';
    for (std::size_t i = 0; i < kBlockBytes; ++i)
      if (i < 148 || i >= 156) sum += std::to_integer<unsigned>(header_[i]);
    return sum;
  }

  std::string_view field(std::size_t offset, std::size_t length) const {
    std::string_view text = as_text(std::span(header_).subspan(offset, length));
    return text.substr(0, text.find('\0'));
  }

  std::uint64_t number(std::size_t offset, std::size_t length) const {
    if ((header_[offset] & std::byte{0x80}) == std::byte{0}) {
      auto value = find_octal(trim(field(offset, length)));
      if (!value && !trim(field(offset, length)).empty()) fail("no header");
      return value.value_or(0);
    }
    std::uint64_t value = std::to_integer<unsigned>(header_[offset] & std::byte{0x7F});
    for (std::size_t i = offset + 1; i < offset + length; ++i) {
      if (value >> 56 != 0) fail("a size that is none");
      value = value << 8 | std::to_integer<unsigned>(header_[i]);
    }
    return value;
  }

  std::string header_name() const {
    std::string_view prefix = field(257, 6) == "ustar" && header_[263] == std::byte{'0'} ? field(345, 155) : "";
    return prefix.empty() ? std::string(field(0, 100)) : fmt::format("{}/{}", prefix, field(0, 100));
  }

  static std::string plain(std::string_view name) {
    while (name.starts_with("./")) name.remove_prefix(2);
    return std::string(name);
  }

  void skip(std::uint64_t size) {
    std::uint64_t padded = size + (kBlockBytes - size % kBlockBytes) % kBlockBytes;
    if (size > end_ - at_) fail("it ends");
    at_ += std::min(padded, end_ - at_);
  }

  void extend(char type, std::uint64_t size, Override& next) {
    if (size > kMaxExtensionBytes) fail("a header of its own size");
    std::string text(size, '\0');
    const std::uint64_t begin = at_;
    read_bytes(std::as_writable_bytes(std::span(text)));
    at_ = begin;
    skip(size);
    if (type == 'L') next.name = text.substr(0, text.find('\0'));
    if (type == 'x' || type == 'g') take_records(text, type == 'g', next);
  }

  /// "LENGTH KEY=VALUE\n" after each other.
  void take_records(std::string_view text, bool global, Override& next) const {
    while (!text.empty()) {
      std::size_t blank = text.find(' ');
      auto length = find_unsigned(text.substr(0, blank));
      if (blank == std::string_view::npos || !length || *length > text.size() || *length < blank + 2)
        fail("a broken record");
      std::string_view record = text.substr(blank + 1, *length - blank - 2);
      text.remove_prefix(*length);
      std::string_view key = record.substr(0, record.find('='));
      std::string_view value = key.size() < record.size() ? record.substr(key.size() + 1) : "";
      if (key.starts_with("GNU.sparse") || (global && (key == "path" || key == "size"))) unsupported();
      if (key == "path") next.name = std::string(value);
      if (key == "size" && !(next.size = find_unsigned(value))) fail("a broken record");
    }
  }

  const Fd& file_;
  const std::string& what_;
  std::uint64_t at_ = 0, end_;
  std::size_t members_ = 0;
  Block header_{};
  std::map<std::string, TarPlace> files_;
};

Fd open_archive(const std::filesystem::path& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) throw_errno("open {}", path.string());
  if (stat_of(file, path.string()).type != FileType::regular)
    throw_error(ErrorKind::input, "{} is no file", path.string());
  return file;
}

}  // namespace

std::map<std::string, TarPlace> list_tar(const Fd& file, const std::string& what) {
  return TarLister(file, what).run();
}

LayoutArchive::LayoutArchive(const std::filesystem::path& path)
    : name_(path.string()), file_(open_archive(path)), files_(list_tar(file_, name_)) {
  auto index = files_.find(std::string(layout::kIndex));
  if (!files_.contains(std::string(layout::kMarker)) || index == files_.end())
    throw_error(ErrorKind::input, "{} holds no OCI image layout", name_);
  images_ = in_context([&] { return fmt::format("{}: {}", name_, layout::kIndex); },
                       [&] { return parse_layout_index(text_at(index->second, kMaxLayoutIndexBytes)).manifests; });
}

std::string LayoutArchive::text_at(const TarPlace& place, std::uint64_t max_bytes) const {
  PieceSource piece(file_.duplicate(), place, name_);
  return read_all(piece, max_bytes, name_);
}

std::unique_ptr<Source> LayoutArchive::open_blob(const Digest& digest) const {
  auto at = files_.find(layout::blob(digest));
  if (at == files_.end()) throw_error(ErrorKind::not_found, "no blob {} in {}", digest.str(), name_);
  return std::make_unique<VerifyingSource>(std::make_unique<PieceSource>(file_.duplicate(), at->second, digest.str()),
                                           digest, at->second.size_bytes);
}

std::optional<std::uint64_t> LayoutArchive::find_size(const Digest& digest) const {
  auto at = files_.find(layout::blob(digest));
  return at == files_.end() ? std::nullopt : std::optional(at->second.size_bytes);
}

}  // namespace imgb
