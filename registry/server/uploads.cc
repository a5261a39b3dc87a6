#include "registry/server/uploads.h"

#include <algorithm>
#include <random>

#include "registry/server/refusal.h"

namespace imgb::server {
namespace {

/// Not to be guessed: who knows it may write.
std::string random_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

}  // namespace

std::uint64_t Upload::size_bytes() const {
  std::lock_guard hold(mutex_);
  return writer_->size_bytes();
}

Upload::Clock::time_point Upload::last_used() const {
  std::lock_guard hold(mutex_);
  return last_used_;
}

std::uint64_t Upload::take_turn() {
  std::lock_guard hold(mutex_);
  last_used_ = Clock::now();
  return ++turn_;
}

void Upload::want_turn(std::uint64_t turn) const {
  if (turn != turn_) throw Refusal(416, "BLOB_UPLOAD_INVALID", "another request has taken this upload over");
}

void Upload::write(std::uint64_t turn, std::span<const std::byte> bytes) {
  std::lock_guard hold(mutex_);
  want_turn(turn);
  last_used_ = Clock::now();
  writer_->write(bytes);
}

void Upload::commit(std::uint64_t turn, const Digest& digest) {
  std::lock_guard hold(mutex_);
  want_turn(turn);
  ++turn_;  // nobody writes after it
  writer_->expect(digest);
  writer_->commit("application/octet-stream");
}

std::shared_ptr<Upload> Uploads::begin(const Repository& repository, const std::string& owner) {
  auto now = Upload::Clock::now();
  if (count() >= kMaxUploads) drop_old(now);
  auto upload = std::make_shared<Upload>(random_id(), repository.name, owner, writer_.begin_blob());
  std::shared_ptr<Upload> gone;  // closed without the lock
  table_.with([&](Table& table) {
    if (table.size() >= kMaxUploads) {
      auto oldest = std::ranges::min_element(table, {}, [](const auto& one) { return one.second->last_used(); });
      if (now - oldest->second->last_used() < kShortLifetime)
        throw Refusal(429, "TOOMANYREQUESTS", "too many uploads have been begun: try again later");
      gone = oldest->second;
      table.erase(oldest);
    }
    table.emplace(upload->id(), upload);
  });
  return upload;
}

std::shared_ptr<Upload> Uploads::find(const std::string& id, const Repository& repository, const std::string& owner) {
  return table_.with([&](Table& table) -> std::shared_ptr<Upload> {
    auto found = table.find(id);
    bool ours = found != table.end() && found->second->belongs_to(repository.name, owner);
    return ours ? found->second : nullptr;
  });
}

void Uploads::end(const Upload& upload) {
  std::shared_ptr<Upload> gone;
  table_.with([&](Table& table) {
    if (auto found = table.find(upload.id()); found != table.end()) gone = found->second, table.erase(found);
  });
}

void Uploads::drop_old(Upload::Clock::time_point now) {
  std::vector<std::shared_ptr<Upload>> gone;
  table_.with([&](Table& table) {
    std::erase_if(table, [&](const auto& one) {
      bool old = now - one.second->last_used() > kLifetime;
      if (old) gone.push_back(one.second);
      return old;
    });
  });
}

std::size_t Uploads::count() const {
  return table_.with([](const Table& table) { return table.size(); });
}

}  // namespace imgb::server
