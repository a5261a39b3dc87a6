#include "layerfs/tar_check.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "core/base/text.h"
#include "core/base/time.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxExtensionBytes = 1 << 20;
constexpr std::uint64_t kMaxId = std::numeric_limits<std::uint32_t>::max() - 1;  // the last means "unchanged" to chown
constexpr std::string_view kXattrKey = "SCHILY.xattr.";

std::string_view cut_at_nul(std::string_view field) { return field.substr(0, field.find('\0')); }

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
  throw_error(ErrorKind::input, "entry {}: {}", printable(name), why);
}

}  // namespace

/// One header block and what it says of itself.
struct TarCheck::Header {
  const std::array<char, kTarBlockBytes>& block;

  std::string_view field(TarField f) const { return std::string_view(block.data() + f.offset, f.length); }
  std::string name() const {
    std::string own(cut_at_nul(field(tar_field::kName)));
    // GNU and v7 headers use the prefix field for other things.
    std::string_view prefix =
        field(tar_field::kMagic) == std::string_view("ustar\0", 6) ? cut_at_nul(field(tar_field::kPrefix)) : "";
    return prefix.empty() ? own : std::string(prefix) + '/' + own;
  }
  char type() const { return block[tar_field::kType.offset]; }
  bool is_zero() const {
    return std::ranges::all_of(block, [](char c) { return c == 0; });
  }
  std::int64_t number(TarField f, std::string_view what) const {
    auto value = find_tar_number(field(f));
    if (!value) refuse(name(), fmt::format("bad {}", what));
    return *value;
  }
  std::uint64_t unsigned_number(TarField f, std::string_view what, std::uint64_t max) const {
    std::int64_t value = number(f, what);
    if (value < 0 || static_cast<std::uint64_t>(value) > max) refuse(name(), fmt::format("{} out of range", what));
    return static_cast<std::uint64_t>(value);
  }
  std::uint64_t size() const {
    return unsigned_number(tar_field::kSize, "size", std::numeric_limits<std::int64_t>::max() / 2);
  }
  void check_sum() const {
    std::int64_t plain = 0, with_sign = 0;  // some old writers summed signed characters
    for (std::size_t i = 0; i < block.size(); ++i) {
      bool own = i - tar_field::kChecksum.offset < tar_field::kChecksum.length;
      char c = own ? ' ' : block[i];
      plain += static_cast<unsigned char>(c);
      with_sign += static_cast<signed char>(c);
    }
    auto want = find_tar_number(field(tar_field::kChecksum));
    if (want != plain && want != with_sign) refuse(name(), "header with a wrong checksum");
  }
};

std::span<const std::byte> TarCheck::take(std::span<const std::byte>& bytes, std::uint64_t max_bytes) {
  auto taken = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(max_bytes, bytes.size())));
  bytes = bytes.subspan(taken.size());
  position_ += taken.size();
  return taken;
}

void TarCheck::feed(std::span<const std::byte> bytes) {
  while (!bytes.empty() && state_ != State::ended) {
    if (state_ == State::header) {
      auto part = take(bytes, kTarBlockBytes - filled_);
      std::memcpy(block_.data() + filled_, part.data(), part.size());
      filled_ += part.size();
      if (filled_ == kTarBlockBytes) {
        filled_ = 0;
        take_header(Header{block_});
      }
    } else {
      auto part = take(bytes, left_);
      left_ -= part.size();
      if (state_ == State::extension) {
        std::size_t wanted = static_cast<std::size_t>(extension_bytes_) - extension_.size();
        extension_.append(as_text(part.first(std::min(part.size(), wanted))));
        if (left_ == 0) take_extension();
      }
      if (left_ == 0) state_ = State::header;
    }
  }
}

void TarCheck::finish() {
  bool between = state_ == State::header && filled_ == 0;
  if (state_ != State::ended && !between) throw_error(ErrorKind::corrupt, "tar is cut short after {} bytes", position_);
  if (pax_ || gnu_name_ || gnu_link_) throw_error(ErrorKind::corrupt, "tar ends after an extension header");
}

void TarCheck::take_header(const Header& header) {
  if (header.is_zero()) {
    if (zeros_before_) state_ = State::ended;
    zeros_before_ = true;
    return;
  }
  if (zeros_before_)
    throw_error(ErrorKind::input, "a block of zeros between two entries, at byte {}", position_ - 2 * kTarBlockBytes);
  header.check_sum();
  if (std::string_view("LKxg").find(header.type()) != std::string_view::npos) return begin_extension(header);
  TarEntry entry = entry_of(header);
  left_ = entry.size_bytes + tar_padding(entry.size_bytes);
  if (left_ > 0) state_ = State::data;
  entries.push_back(std::move(entry));
  pax_.reset();
  gnu_name_.reset();
  gnu_link_.reset();
}

void TarCheck::begin_extension(const Header& header) {
  extension_type_ = header.type();
  extension_name_ = header.name();
  extension_bytes_ = header.size();
  extension_.clear();
  if (extension_bytes_ > kMaxExtensionBytes)
    refuse(extension_name_,
           fmt::format("extension header of {} bytes, more than {}", extension_bytes_, kMaxExtensionBytes));
  left_ = extension_bytes_ + tar_padding(extension_bytes_);
  if (left_ > 0) {
    state_ = State::extension;
  } else {
    take_extension();
  }
}

void TarCheck::take_extension() {
  if (extension_type_ == 'L' || extension_type_ == 'K') {
    auto& which = extension_type_ == 'L' ? gnu_name_ : gnu_link_;
    if (which) refuse(extension_name_, "two GNU long names for one entry");
    which = std::string(cut_at_nul(extension_));
    return;
  }
  PaxRecords records = in_context([&] { return "entry after " + printable(extension_name_); },
                                  [&] { return parse_pax_records(extension_); });
  if (extension_type_ == 'x') {
    if (pax_) refuse(extension_name_, "two PAX headers for one entry");
    pax_ = std::move(records);
    return;
  }
  for (const auto& [key, value] : records) {
    if (key != "comment") refuse(extension_name_, "global PAX header sets " + printable(key, 80));
  }
}

TarEntry TarCheck::entry_of(const Header& header) {
  TarEntry entry;
  entry.name = header.name();
  entry.link_name = cut_at_nul(header.field(tar_field::kLinkName));
  entry.type = header.type() == '\0' || header.type() == '7' ? '0' : header.type();
  if (gnu_name_) entry.name = *gnu_name_;
  if (gnu_link_) entry.link_name = *gnu_link_;
  if (entry.type < '0' || entry.type > '6')
    refuse(entry.name, fmt::format("unknown entry type {}", printable(std::string(1, entry.type))));
  entry.mode = static_cast<std::uint32_t>(
      header.unsigned_number(tar_field::kMode, "mode", std::numeric_limits<std::uint32_t>::max()) & 07777);
  if (!pax_ || !pax_->contains("uid"))
    entry.uid = static_cast<std::uint32_t>(header.unsigned_number(tar_field::kUid, "uid", kMaxId));
  if (!pax_ || !pax_->contains("gid"))
    entry.gid = static_cast<std::uint32_t>(header.unsigned_number(tar_field::kGid, "gid", kMaxId));
  entry.mtime = nanoseconds_of(header.number(tar_field::kMtime, "time"));
  entry.size_bytes = header.size();
  if (entry.type == '3' || entry.type == '4') {
    entry.rdev = makedev(static_cast<unsigned>(header.unsigned_number(tar_field::kDevMajor, "device number", 0xfff)),
                         static_cast<unsigned>(header.unsigned_number(tar_field::kDevMinor, "device number", 0xfffff)));
  }
  if (pax_) apply_pax(entry, header);
  // A folder in v7 style is a file with a slash behind its name.
  if (entry.type == '0' && entry.name.ends_with('/')) entry.type = '5';
  if (entry.type != '0' && entry.size_bytes != 0) refuse(entry.name, "data behind an entry that is no file");
  entry.data_offset = position_;
  return entry;
}

void TarCheck::apply_pax(TarEntry& entry, const Header& header) {
  auto id = [&](std::string_view text, std::string_view what) {
    auto value = find_unsigned(text);
    if (!value || *value > kMaxId) refuse(entry.name, fmt::format("bad PAX {}", what));
    return static_cast<std::uint32_t>(*value);
  };
  auto path = [&](std::string_view text, const std::optional<std::string>& gnu) {
    if (gnu) refuse(entry.name, "a name given by PAX and by GNU");
    if (text.find('\0') != std::string_view::npos) refuse(entry.name, "NUL in a name");
    return std::string(text);
  };
  for (const auto& [key, value] : *pax_) {
    if (key.starts_with("GNU.sparse.")) refuse(entry.name, "GNU sparse files are not supported in layers");
    if (key.starts_with(kXattrKey) && key.size() > kXattrKey.size()) entry.xattrs[key.substr(kXattrKey.size())] = value;
    if (value.empty()) continue;
    if (key == "path") entry.name = path(value, gnu_name_);
    if (key == "linkpath") entry.link_name = path(value, gnu_link_);
    if (key == "uid") entry.uid = id(value, key);
    if (key == "gid") entry.gid = id(value, key);
    if (key == "mtime") {
      auto time = find_pax_time(value);
      if (!time) refuse(entry.name, "bad PAX mtime");
      entry.mtime = *time;
    }
    if (key == "size") {
      auto size = find_unsigned(value);
      if (!size || *size > std::numeric_limits<std::int64_t>::max() / 2) refuse(entry.name, "bad PAX size");
      // Writers put 0 or the low digits into ustar when the true size does not fit there; never another size.
      bool fits = *size <= 077777777777;
      if (fits && header.size() != 0 && header.size() != *size) refuse(entry.name, "PAX and ustar sizes differ");
      entry.size_bytes = *size;
    }
  }
}

}  // namespace imgb
