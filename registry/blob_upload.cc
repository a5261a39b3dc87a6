#include "registry/blob_upload.h"

#include <algorithm>

#include "core/base/report_pace.h"
#include "core/base/text.h"
#include "registry/registry_error.h"
#include "registry/requests.h"

namespace imgb {
namespace {

/// Up to here a second request to close the upload would cost more than starting anew after a break does.
constexpr std::uint64_t kWholeBytes = 16ull << 20;
/// What proxies that refuse large bodies let through most often; and where it makes no sense to ask for less.
constexpr std::uint64_t kFirstPartBytes = 64ull << 20, kLeastPartBytes = 1ull << 20;
constexpr int kMaxFreshStarts = 4;

/// The blob's bytes from `from` on.
class RestOfBlob : public Source {
 public:
  using Report = std::function<void(std::uint64_t done)>;
  RestOfBlob(std::unique_ptr<Source> rest, std::uint64_t from, std::uint64_t size_bytes, Report report)
      : rest_(std::move(rest)), at_(from), size_bytes_(size_bytes), report_(std::move(report)) {}
  std::size_t read(std::span<std::byte> into) override {
    std::size_t got = rest_->read(into);
    at_ += got;
    std::byte more{};
    // The last bytes are not sent before their source has said that all of them were right.
    if (got > 0 && at_ == size_bytes_ && rest_->read({&more, 1}) > 0)
      throw_error(ErrorKind::corrupt, "there are more than {} bytes of it", size_bytes_);
    if (pace_.is_due()) report_(at_);
    return got;
  }

 private:
  std::unique_ptr<Source> rest_;
  std::uint64_t at_, size_bytes_;
  Report report_;
  ReportPace pace_;
};

/// "0-99", of some "bytes=0-99": a hundred. A registry that has nothing says "0-0", as one that has a single byte.
std::optional<std::uint64_t> find_bytes_there(std::string_view range) {
  std::size_t dash = range.find('-');
  auto last = dash == std::string_view::npos ? std::nullopt : find_unsigned(trim(range.substr(dash + 1)));
  if (!last) return std::nullopt;
  return *last == 0 ? 0 : *last + 1;
}

void check_place(const ResponseHead& head) {
  if (head.status == 416) throw RegistryError(ErrorKind::unavailable, "the registry lost its place", 416, {});
}

}  // namespace

BlobSent BlobUpload::attempt(Session& session, const Endpoint& endpoint, int& attempt, const std::stop_token& stop) {
  if (place_) find_out_where(session, endpoint, attempt, stop);
  for (int fresh_starts = 0;; ++fresh_starts) {
    if (!place_ && !begin(session, endpoint, stop)) return BlobSent::mounted;
    try {
      send_parts(session, endpoint, stop);
      return BlobSent::uploaded;
    } catch (const RegistryError& error) {
      bool lost = error.status() == 404 || error.status() == 416;
      bool too_large = error.status() == 413 && part_bytes_ > kLeastPartBytes;
      if ((!lost && !too_large) || fresh_starts == kMaxFreshStarts) throw;
      if (too_large) part_bytes_ = std::min(kFirstPartBytes, part_bytes_ / 8);
      place_.reset();
    }
  }
}

/// False when there is nothing to send: the registry has taken it from the other repository.
bool BlobUpload::begin(Session& session, const Endpoint& endpoint, const std::stop_token& stop) {
  there_ = 0;
  Session::Call call{.method = "POST", .path = "/blobs/uploads/", .actions = "pull,push", .body = ""};
  if (!mount_from_.empty()) {
    call.path += fmt::format("?mount={}&from={}", blob_.digest.str(), percent_encode(mount_from_));
    call.also_from = mount_from_;
  }
  ResponseHead head;
  try {
    head = session.send(endpoint, call, no_body(), stop);
  } catch (const RegistryError&) {
    if (mount_from_.empty()) throw;
    mount_from_.clear();  // it was worth a try
    return begin(session, endpoint, stop);
  }
  if (head.status == 201) return false;
  follow(head);
  if (!place_)
    throw_error(ErrorKind::unavailable, "the registry does not say where to send blob {}", blob_.digest.str());
  return true;
}

/// After a break. Nothing is known of an upload that the registry does not want to speak of: it begins anew.
void BlobUpload::find_out_where(Session& session, const Endpoint& endpoint, int& attempt, const std::stop_token& stop) {
  std::uint64_t before = there_;
  Session::Call call{.method = "GET", .actions = "pull,push", .referral = place_};
  try {
    ResponseHead head = session.send(endpoint, call, no_body(), stop);
    auto there = find_bytes_there(head.headers.find("Range").value_or(""));
    if (!there || *there > blob_.size_bytes) return place_.reset();
    there_ = *there;
    follow(head);
  } catch (const RegistryError& error) {
    if (error.kind() == ErrorKind::unavailable && error.status() >= 500) throw;
    return place_.reset();
  }
  if (there_ >= before + kProgressBytes) attempt = 1;
}

void BlobUpload::send_parts(Session& session, const Endpoint& endpoint, const std::stop_token& stop) {
  if (there_ == 0 && blob_.size_bytes <= std::min(kWholeBytes, part_bytes_)) return close(session, endpoint, stop);
  while (there_ < blob_.size_bytes) {
    std::uint64_t size_bytes = std::min(part_bytes_, blob_.size_bytes - there_);
    Session::Call call = sending("PATCH", size_bytes);
    call.headers.set("Content-Range", fmt::format("{}-{}", there_, there_ + size_bytes - 1));
    ResponseHead head = session.send(endpoint, call, no_body(), stop);
    check_place(head);
    there_ += size_bytes;
    follow(head);
  }
  close(session, endpoint, stop);
}

/// With all that is not there yet.
void BlobUpload::close(Session& session, const Endpoint& endpoint, const std::stop_token& stop) {
  Session::Call call = sending("PUT", blob_.size_bytes - there_);
  call.referral->query = "digest=" + blob_.digest.str();
  ResponseHead head;
  try {
    head = session.send(endpoint, call, no_body(), stop);
  } catch (RegistryError& error) {
    if (std::ranges::count(error.codes(), "DIGEST_INVALID") > 0)
      error.set_hint("the bytes changed on their way, or in the store: imgb fsck tells");
    throw;
  }
  check_place(head);
  auto digest = Digest::find(head.headers.find("Docker-Content-Digest").value_or(""));
  if (digest && digest->algorithm() == blob_.digest.algorithm() && *digest != blob_.digest)
    throw_error(ErrorKind::corrupt, "the registry took blob {} for {}", blob_.digest.str(), digest->str());
  report(blob_.size_bytes);
}

void BlobUpload::follow(const ResponseHead& head) {
  if (auto location = head.headers.find("Location")) place_ = {std::string(*location), head.peer};
}

Session::Call BlobUpload::sending(std::string method, std::uint64_t size_bytes) const {
  Session::Call call{.method = std::move(method), .actions = "pull,push", .referral = place_};
  call.headers.set("Content-Type", "application/octet-stream");
  if (size_bytes == 0) {
    call.body = "";
  } else {
    auto open = [this] {
      return std::make_unique<RestOfBlob>(open_(there_), there_, blob_.size_bytes,
                                          [this](std::uint64_t done) { report(done); });
    };
    call.upload = Upload{open, size_bytes};
  }
  return call;
}

void BlobUpload::report(std::uint64_t done) const {
  if (activity_) activity_->bytes(blob_.digest.short_hex(), done, blob_.size_bytes);
}

}  // namespace imgb
