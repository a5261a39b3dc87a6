#include "layerfs/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

struct FreeArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};

bool same_type(archive_entry* seen, char type) {
  if (archive_entry_hardlink(seen)) return type == '1';
  switch (archive_entry_filetype(seen)) {
    case AE_IFREG:
      return type == '0';
    case AE_IFLNK:
      return type == '2';
    case AE_IFCHR:
      return type == '3';
    case AE_IFBLK:
      return type == '4';
    case AE_IFDIR:
      return type == '5';
    case AE_IFIFO:
      return type == '6';
    default:
      return type == '1';  // a link whose name is not text in this locale
  }
}

}  // namespace

struct TarReader::State {
  explicit State(NextPiece next) : next_piece(std::move(next)), handle(archive_read_new()) {}

  /// libarchive's way to its input. No exception may cross it: kept, and thrown on behind the call.
  static la_ssize_t read(archive*, void* self, const void** buffer) {
    auto& state = *static_cast<State*>(self);
    try {
      std::span<const std::byte> piece = state.take_piece();
      *buffer = piece.data();
      return static_cast<la_ssize_t>(piece.size());
    } catch (...) {
      state.failure = std::current_exception();
      return ARCHIVE_FATAL;
    }
  }
  std::span<const std::byte> take_piece() {
    std::span<const std::byte> piece = first;
    first = {};
    if (piece.empty()) piece = next_piece();
    if (piece.empty()) {
      check.finish();
    } else {
      check.feed(piece);
    }
    return piece;
  }
  /// A result of libarchive's; warnings are about the locale.
  void need(int result) const {
    if (failure) std::rethrow_exception(failure);
    if (result < ARCHIVE_WARN)
      throw_error(ErrorKind::corrupt, "damaged tar: {}", printable(archive_error_string(handle.get())));
  }
  /// False when there is not a byte: an empty tar, which libarchive takes for an unknown format.
  bool open() {
    opened = true;
    first = next_piece();
    if (first.empty()) return false;
    archive_read_support_format_tar(handle.get());
    need(archive_read_open(handle.get(), this, nullptr, &State::read, nullptr));
    return true;
  }
  std::optional<TarEntry> finish() {
    ended = true;
    if (!check.entries.empty())
      throw_error(ErrorKind::input, "entry {}: libarchive does not see it", printable(check.entries.front().name));
    while (!take_piece().empty()) continue;
    return std::nullopt;
  }

  NextPiece next_piece;
  std::unique_ptr<archive, FreeArchive> handle;
  TarCheck check;
  std::span<const std::byte> first;  // read to learn whether there is anything
  std::exception_ptr failure;
  bool opened = false, ended = false;
  std::uint64_t data_left = 0;
  std::string name;
};

TarReader::TarReader(NextPiece next_piece) : state_(std::make_unique<State>(std::move(next_piece))) {}
TarReader::~TarReader() = default;

std::optional<TarEntry> TarReader::next() {
  State& s = *state_;
  if (s.ended) return std::nullopt;
  if (!s.opened && !s.open()) return s.finish();
  archive_entry* seen = nullptr;
  int result = archive_read_next_header(s.handle.get(), &seen);
  s.need(result);
  if (result == ARCHIVE_EOF) return s.finish();
  if (s.check.entries.empty()) throw_error(ErrorKind::input, "libarchive sees an entry that is none");
  TarEntry entry = std::move(s.check.entries.front());
  s.check.entries.pop_front();
  if (static_cast<std::uint64_t>(archive_entry_size(seen)) != entry.size_bytes || !same_type(seen, entry.type))
    throw_error(ErrorKind::input, "entry {}: libarchive reads its header differently", printable(entry.name));
  s.data_left = entry.size_bytes;
  s.name = entry.name;
  return entry;
}

std::span<const std::byte> TarReader::data() {
  State& s = *state_;
  if (s.data_left == 0) return {};
  const void* bytes = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  while (size == 0) {
    int result = archive_read_data_block(s.handle.get(), &bytes, &size, &offset);
    s.need(result);
    if (result == ARCHIVE_EOF || size > s.data_left)
      throw_error(ErrorKind::input, "entry {}: libarchive reads its data differently", printable(s.name));
  }
  s.data_left -= size;
  return {static_cast<const std::byte*>(bytes), size};
}

}  // namespace imgb
