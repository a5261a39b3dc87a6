#include "registry/server/tar_index.h"

#include <array>
#include <optional>

#include "core/base/dir.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb::server {
namespace {

constexpr std::uint64_t kBlock = 512, kMaxExtensionBytes = 1 << 20;
constexpr std::size_t kMaxMembers = 4'000'000;
using Block = std::array<char, kBlock>;

std::string_view field(const Block& block, std::size_t at, std::size_t size) {
  std::string_view text(block.data() + at, size);
  return text.substr(0, text.find('\0'));
}

/// Octal digits, or GNU's big-endian bytes with the first bit set.
std::optional<std::uint64_t> number(const Block& block, std::size_t at, std::size_t size) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(block[at + i]); };
  if (byte(0) & 0x80) {
    std::uint64_t value = byte(0) & 0x7f;
    for (std::size_t i = 1; i < size; ++i) {
      if (value >> 55) return std::nullopt;
      value = value << 8 | byte(i);
    }
    return value;
  }
  std::string_view digits = trim(field(block, at, size), " ");
  return digits.empty() ? std::optional<std::uint64_t>(0) : find_octal(digits);
}

bool has_right_sum(const Block& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
  return number(block, 148, 8) == sum;
}

bool is_zero(const Block& block) { return field(block, 0, kBlock).empty() && block[kBlock - 1] == '\0'; }

/// What an extension says of the member behind it.
struct Extension {
  std::optional<std::string> path;
  std::optional<std::uint64_t> size_bytes;
};

/// "LENGTH KEY=VALUE\n" records.
void read_pax(std::string_view records, Extension& into) {
  while (!records.empty()) {
    std::size_t space = records.find(' ');
    auto length = space == std::string_view::npos ? std::nullopt : find_unsigned(records.substr(0, space));
    if (!length || *length <= space + 1 || *length > records.size())
      throw_error(ErrorKind::corrupt, "a bad PAX record");
    std::string_view record = records.substr(space + 1, *length - space - 2);
    std::size_t equals = record.find('=');
    std::string_view key = record.substr(0, equals);
    std::string_view value = equals == std::string_view::npos ? std::string_view() : record.substr(equals + 1);
    if (key == "path") into.path = value;
    if (key == "size" && !(into.size_bytes = find_unsigned(value))) throw_error(ErrorKind::corrupt, "a bad PAX size");
    records.remove_prefix(*length);
  }
}

class Walk {
 public:
  Walk(const Fd& tar, std::string_view what) : tar_(tar), what_(what), size_(stat_of(tar, what).size_bytes) {}

  std::map<std::string, TarMember> members() {
    std::map<std::string, TarMember> all;
    while (next()) {
      if (all.size() > kMaxMembers) throw_error(ErrorKind::corrupt, "it has too many members");
      char type = block_[156];
      bool regular = type == '0' || type == '\0' || type == '7';
      std::uint64_t size = extension_.size_bytes.value_or(header_size());
      if (size > size_ - at_) throw_error(ErrorKind::corrupt, "it ends in the middle of a member");
      if (type == 'x' || type == 'L') {
        read_extension(type, size);
      } else {
        if (regular) all.insert_or_assign(name(), TarMember{at_, size});
        if (type != 'g') extension_ = {};
      }
      at_ += (size + kBlock - 1) / kBlock * kBlock;
    }
    return all;
  }

 private:
  bool next() {
    if (at_ >= size_) return false;
    read(at_, block_);
    bool first = at_ == 0;
    at_ += kBlock;
    if (is_zero(block_) && !first) return false;
    if (has_right_sum(block_)) return true;
    if (!first) throw_error(ErrorKind::corrupt, "a header is damaged");
    throw Error(ErrorKind::input, "it is no uncompressed tar").set_hint("decompress it first: it is read in place");
  }

  std::uint64_t header_size() const {
    auto size = number(block_, 124, 12);
    if (!size) throw_error(ErrorKind::corrupt, "a member has no size");
    return *size;
  }

  std::string name() const {
    std::string path(field(block_, 0, 100)), prefix(field(block_, 345, 155));
    bool is_ustar = field(block_, 257, 6) == "ustar";
    if (is_ustar && !prefix.empty()) path = prefix + "/" + path;
    if (extension_.path) path = *extension_.path;
    while (path.starts_with("./")) path.erase(0, 2);
    return path;
  }

  void read_extension(char type, std::uint64_t size) {
    if (size > kMaxExtensionBytes) throw_error(ErrorKind::corrupt, "an extended header is too long");
    std::string text(size, '\0');
    read(at_, text);
    extension_.size_bytes.reset();
    if (type == 'L')
      extension_.path = text.substr(0, text.find('\0'));
    else
      read_pax(text, extension_);
  }

  template <class Into>
  void read(std::uint64_t offset, Into& into) const {
    auto bytes = std::as_writable_bytes(std::span(into));
    for (std::size_t got = 0; got < bytes.size();) {
      std::size_t more = read_at(tar_, bytes.subspan(got), offset + got, what_);
      if (more == 0) throw_error(ErrorKind::corrupt, "it is cut short");
      got += more;
    }
  }

  const Fd& tar_;
  std::string_view what_;
  std::uint64_t size_, at_ = 0;
  Block block_{};
  Extension extension_;
};

}  // namespace

std::map<std::string, TarMember> index_tar(const Fd& tar, std::string_view what) {
  return in_context([&] { return std::string(what); }, [&] { return Walk(tar, what).members(); });
}

}  // namespace imgb::server
