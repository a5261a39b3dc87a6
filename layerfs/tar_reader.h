#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "layerfs/tar_check.h"

namespace imgb {

/// Reads tars, and nothing else, with libarchive; this is its wrapper. Every header passes TarCheck first, and what the
/// two see differently is refused, so that no entry hides from one reader in another's blind spot (V16). Names, numbers
/// and attributes are the bytes that TarCheck saw: libarchive would take them through the locale.
class TarReader {
 public:
  /// Gives the next piece of the tar, which stays valid until the next call; empty at the end.
  using NextPiece = std::function<std::span<const std::byte>()>;
  explicit TarReader(NextPiece next_piece);
  ~TarReader();

  /// The next entry, past what is left of the present one's data; nullopt at the end, with everything read.
  /// Errors: as TarCheck; what `next_piece` throws passes through.
  std::optional<TarEntry> next();
  /// The next piece of the present entry's data, valid until the next call; empty at its end.
  std::span<const std::byte> data();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
