#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/fd.h"
#include "core/base/stream.h"
#include "core/store/store.h"

namespace imgb {

/// Standard input or output as a descriptor that may be closed.
Fd duplicate_standard(int number);

/// Whole content of a file that the user named; "-" is standard input. Never blocks on a fifo that has no writer.
std::string read_user_file(const std::string& path, std::uint64_t max_bytes);
/// The same as a stream.
std::unique_ptr<FdSource> open_user_file(const std::string& path);

/// A file that can be read from its start again: what comes through a pipe is kept in one without a name, in the store.
Fd open_seekable(Store& store, const std::string& path);

/// A file the user asked for: it gets its name when it is whole and synced, so that a failure leaves what was there
/// (V105), and nothing beside it. "-" and what is no regular file (a fifo, /dev/null) is written as it comes.
class OutputFile : public Sink {
 public:
  explicit OutputFile(const std::string& path);
  ~OutputFile() override;
  void write(std::span<const std::byte> bytes) override;
  void commit();  ///< Call once, last.

 private:
  std::string path_, name_;
  std::string temporary_;  ///< Where the file system has no files without a name.
  Dir folder_;             ///< Of what gets its name in the end.
  Fd fd_;
};
void write_user_file(const std::string& path, std::string_view content);

}  // namespace imgb
