#include <fcntl.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "sandbox/container_files.h"
#include "sandbox/container_log.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxLogBytes = 16 << 20;
constexpr std::string_view kFreshLogFile = "log.new";

}  // namespace

ContainerLog::ContainerLog(const Dir& home)
    : home_(home.duplicate()), file_(home.open_file(kContainerLogFile, O_WRONLY | O_CREAT | O_APPEND, 0600)) {}

/// The old name first, then the new file: who reads finds each at most once, in order.
void ContainerLog::start_anew() {
  Fd fresh = home_.open_file(kFreshLogFile, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  if (home_.find_stat(kContainerLogFile)) home_.rename(kContainerLogFile, home_, kContainerOldLogFile);
  home_.rename(kFreshLogFile, home_, kContainerLogFile);
  file_ = std::move(fresh);
  size_ = 0;
}

void ContainerLog::append(ContainerOwner::Stream stream, std::string_view bytes) {
  // One write a record: readers never see half a header.
  std::string record = log_record_header(now(), stream, bytes.size());
  record.append(bytes);
  record += '\n';
  if (size_ > 0 && size_ + record.size() > kMaxLogBytes) start_anew();
  try {
    write_all(file_, record, "the container's log");
    size_ += record.size();
  } catch (const SystemError&) {
    if (::ftruncate(file_.get(), static_cast<off_t>(size_)) < 0)
      size_ = kMaxLogBytes;  // half a record stays: a new file
    throw;
  }
}

void ContainerLog::write(ContainerOwner::Stream stream, std::span<const std::byte> bytes) noexcept {
  try {
    if (lost_ > 0) {
      append(ContainerOwner::Stream::err, fmt::format("[imgb: {} bytes are missing here: {}]\n", lost_, failure_));
      lost_ = 0;
    }
    append(stream, as_text(bytes));
  } catch (const std::exception& e) {
    lost_ += bytes.size();
    if (failure_.empty()) failure_ = e.what();
  }
}

}  // namespace imgb
