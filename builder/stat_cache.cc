#include "builder/stat_cache.h"

#include <algorithm>
#include <cstring>

namespace imgb {
namespace {

constexpr std::string_view kMagic = "imgbsc1\n";
constexpr std::size_t kDigestAt = 48;

template <class Integer>
void put(char* at, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    at[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
}

std::uint64_t get64(const char* at) {
  std::uint64_t value;
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// The part of a record that must be equal: everything before the flags.
std::string identity(const FileStat& file, std::size_t size = 44) {
  std::string key(size, '\0');
  put(key.data(), file.device);
  put(key.data() + 8, file.inode);
  put(key.data() + 16, file.size_bytes);
  put(key.data() + 24, file.mtime);
  put(key.data() + 32, file.ctime);
  put(key.data() + 40, file.mode);
  return key;
}

auto order(const char* record) { return std::pair(get64(record), get64(record + 8)); }

/// Kernels stamp files at the granularity of their tick (up to 10 ms); some file systems keep whole or even seconds.
bool could_change_unseen(const FileStat& file, Nanoseconds read_at) {
  constexpr Nanoseconds kTick = 20'000'000;
  bool coarse = file.mtime % kNanosecondsPerSecond == 0 && file.ctime % kNanosecondsPerSecond == 0;
  return std::max(file.mtime, file.ctime) + (coarse ? 2 * kNanosecondsPerSecond : kTick) >= read_at;
}

}  // namespace

StatCache::StatCache(std::string value) : value_(std::move(value)) {
  if (!value_.starts_with(kMagic) || (value_.size() - kMagic.size()) % kRecordBytes != 0) value_.clear();
  used_ = std::make_unique<std::atomic<bool>[]>(size());
}

std::optional<StatCache::Known> StatCache::find(const FileStat& file) const {
  std::size_t low = 0, high = size();
  const auto want = std::pair(file.device, file.inode);
  while (low < high) {
    std::size_t middle = (low + high) / 2;
    if (order(value_.data() + kMagic.size() + middle * kRecordBytes) < want) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == size()) return std::nullopt;
  const char* record = value_.data() + kMagic.size() + low * kRecordBytes;
  if (identity(file) != std::string_view(record, 44)) return std::nullopt;
  used_[low].store(true, std::memory_order_relaxed);
  return Known{Digest::from_raw(DigestAlgorithm::sha256, as_bytes(std::string_view(record + kDigestAt, 32))),
               (record[44] & 1) != 0};
}

void StatCache::add(const FileStat& file, const Known& known, Nanoseconds read_at) {
  if (could_change_unseen(file, read_at)) return;
  std::string record = identity(file, kRecordBytes);
  record[44] = known.has_xattrs ? 1 : 0;
  std::memcpy(record.data() + kDigestAt, known.content.raw().data(), 32);
  std::lock_guard hold(mutex_);
  added_.push_back(std::move(record));
}

bool StatCache::changed() const {
  std::lock_guard hold(mutex_);
  return !added_.empty();
}

std::string StatCache::render() const {
  std::lock_guard hold(mutex_);
  std::vector<std::string_view> fresh(added_.begin(), added_.end());
  std::sort(fresh.begin(), fresh.end(), [](auto a, auto b) { return order(a.data()) < order(b.data()); });
  std::size_t used = fresh.size() + static_cast<std::size_t>(std::count(used_.get(), used_.get() + size(), true));
  std::size_t unused = size() + fresh.size() - used;
  bool keep_unused = unused <= used + 1000;
  std::string out(kMagic);
  out.reserve(kMagic.size() + (size() + fresh.size()) * kRecordBytes);
  std::size_t old = 0;
  auto append_old_below = [&](const char* limit) {
    for (; old < size(); ++old) {
      const char* record = value_.data() + kMagic.size() + old * kRecordBytes;
      if (limit && order(record) >= order(limit)) {
        if (order(record) == order(limit)) ++old;  // replaced
        return;
      }
      if (keep_unused || used_[old]) out.append(record, kRecordBytes);
    }
  };
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    if (i > 0 && order(fresh[i].data()) == order(fresh[i - 1].data())) continue;  // one file by two names
    append_old_below(fresh[i].data());
    out += fresh[i];
  }
  append_old_below(nullptr);
  return out;
}

}  // namespace imgb
