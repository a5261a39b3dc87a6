#include "layerfs/ingest_process.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/stream.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "layerfs/child_report.h"
#include "layerfs/codec.h"
#include "layerfs/ingest_child.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxResultBytes = 1ULL << 30;
constexpr std::size_t kDigestBytes = 32;
constexpr int kFeedBufferBytes = 1 << 20;

/// Hands bytes to the child. A socket and not a pipe: send() can fail without a signal to this whole process.
class FeedSink : public Sink {
 public:
  explicit FeedSink(Fd socket) : socket_(std::move(socket)) {}
  void write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
        child_gone_ = true;
        throw_error(ErrorKind::cancelled, "the reader of the layer has ended");
      }
      if (sent < 0) throw_errno("hand a layer to its reader");
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
  }
  void close() { socket_.reset(); }
  bool child_gone() const { return child_gone_; }

 private:
  Fd socket_;
  bool child_gone_ = false;
};

/// Chooses the decoder for the child: what the media type says, or the first bytes where it says none.
class SniffingFeed : public Sink {
 public:
  explicit SniffingFeed(std::function<Sink&(Compression)> start) : start_(std::move(start)) {}
  void write(std::span<const std::byte> bytes) override {
    if (into_) return into_->write(bytes);
    held_.append(as_text(bytes));
    if (held_.size() >= kMagicBytes) begin();
  }
  /// A stream shorter than any magic still has to reach the child.
  void end() {
    if (!into_) begin();
  }

 private:
  static constexpr std::size_t kMagicBytes = 4;
  void begin() {
    into_ = &start_(sniff_compression(as_bytes(held_)));
    into_->write(as_bytes(held_));
    held_.clear();
  }
  std::function<Sink&(Compression)> start_;
  std::string held_;
  Sink* into_ = nullptr;
};

struct Running {
  Child child;
  FeedSink feed;
};

Running start_child(Compression compression, const IngestLimits& limits, const Fd& result, const Dir* unpack_into) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) throw_errno("socketpair");
  Fd ours(ends[0]), theirs(ends[1]);
  ::setsockopt(ours.get(), SOL_SOCKET, SO_SNDBUF, &kFeedBufferBytes, sizeof kFeedBufferBytes);
  Spawn spawn;
  spawn.argv = {"/proc/self/exe",
                std::string(kIngestCommand),
                std::to_string(static_cast<int>(compression)),
                std::to_string(limits.max_layer_bytes),
                std::to_string(limits.max_entries),
                std::to_string(limits.disk_reserve_bytes)};
  spawn.fds = {{kIngestInputFd, theirs.get()}, {kIngestResultFd, result.get()}};
  if (unpack_into) {
    spawn.argv.emplace_back("unpack");
    spawn.fds[kIngestFolderFd] = unpack_into->fd().get();
  }
  return {Child::start(spawn), FeedSink(std::move(ours))};
}

Ingested parse_result(std::string text, const ExitStatus& status) {
  throw_reported(text, status);
  if (!text.starts_with('T') || text.size() < 1 + kDigestBytes)
    throw_error(ErrorKind::system, "the reader of the layer ended without a result");
  Digest diff_id = Digest::from_raw(DigestAlgorithm::sha256, as_bytes(std::string_view(text).substr(1, kDigestBytes)));
  text.erase(0, 1 + kDigestBytes);
  Ingested out{DiffId{diff_id}, parse_toc(std::move(text))};
  check(out.toc);
  return out;
}

Ingested ingest(const Descriptor& blob, const std::optional<DiffId>& want, const StreamBlob& stream,
                const IngestLimits& limits, const Dir* unpack_into, const std::stop_token& stop) {
  Fd result = make_memfd("imgb-layer");
  std::optional<Running> running;
  auto kill = [&] {
    if (running) running->child.signal(SIGKILL);
  };
  // The media type is the sender's word; the first bytes are what there is.
  SniffingFeed feed([&](Compression compression) -> Sink& {
    running.emplace(start_child(compression, limits, result, unpack_into));
    return running->feed;
  });
  try {
    stream(blob, feed);
    feed.end();
  } catch (const Error&) {
    if (!running || !running->feed.child_gone()) {
      kill();
      throw;
    }
  }
  running->feed.close();
  std::stop_callback killer(stop, kill);
  ExitStatus status = running->child.wait();
  throw_if_stopped(stop);
  Ingested out = parse_result(read_result(result, kMaxResultBytes), status);
  if (want && out.diff_id != *want)
    throw_error(ErrorKind::corrupt, "DiffId mismatch: got {}, want {}", out.diff_id.digest.str(), want->digest.str());
  return out;
}

}  // namespace

Ingested run_ingest(const Descriptor& blob, const std::optional<DiffId>& want, const StreamBlob& stream,
                    const IngestLimits& limits, const Dir* unpack_into, std::stop_token stop) {
  return in_context([&] { return "layer " + blob.digest.str(); },
                    [&] { return ingest(blob, want, stream, limits, unpack_into, stop); });
}

}  // namespace imgb
