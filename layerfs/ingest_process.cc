#include "layerfs/ingest_process.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/stop_event.h"
#include "core/base/stream.h"
#include "core/base/text.h"
#include "layerfs/child_report.h"
#include "layerfs/codec.h"
#include "layerfs/ingest_child.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxResultBytes = 1ULL << 30;
constexpr std::size_t kDigestBytes = 32;
constexpr int kFeedBufferBytes = 1 << 20;

/// Hands bytes to the child, which may be slow to take them: hears the stop. A socket and not a pipe: send() can fail
/// without a signal to this whole process.
class FeedSink : public Sink {
 public:
  FeedSink(Fd socket, const StopEvent& stopped) : socket_(std::move(socket)), stopped_(stopped) {}
  void write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      wait_for_room();
      ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
      } else if (errno == EPIPE || errno == ECONNRESET) {
        child_gone_ = true;
        throw_error(ErrorKind::cancelled, "the reader of the layer has ended");
      } else if (errno != EINTR && errno != EAGAIN) {
        throw_errno("hand a layer to its reader");
      }
    }
  }
  void close() { socket_.reset(); }
  bool child_gone() const { return child_gone_; }

 private:
  void wait_for_room() const {
    pollfd fds[] = {{socket_.get(), POLLOUT, 0}, {stopped_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) throw_errno("poll");
    if (fds[1].revents != 0) throw Error(ErrorKind::cancelled, "stopped while a layer was read");
  }

  Fd socket_;
  const StopEvent& stopped_;
  bool child_gone_ = false;
};

/// A child that is not waited for to its end is killed (Child).
ExitStatus wait_unless_stopped(Child& child, const StopEvent& stopped) {
  for (;;) {
    pollfd fds[] = {{child.pidfd().get(), POLLIN, 0}, {stopped.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) throw_errno("poll");
    if (fds[1].revents != 0) throw Error(ErrorKind::cancelled, "stopped while a layer was read");
    if (fds[0].revents != 0) return child.wait();
  }
}

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

Running start_child(Compression compression, const IngestLimits& limits, const Fd& result, const Unpacking* unpack,
                    const StopEvent& stopped) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) throw_errno("socketpair");
  Fd ours(ends[0]), theirs(ends[1]);
  ::setsockopt(ours.get(), SOL_SOCKET, SO_SNDBUF, &kFeedBufferBytes, sizeof kFeedBufferBytes);
  Spawn spawn;
  spawn.new_session = true;  // a Ctrl-C is for us: we end our children
  spawn.argv = {"/proc/self/exe",
                std::string(kIngestCommand),
                std::to_string(static_cast<int>(compression)),
                std::to_string(limits.max_layer_bytes),
                std::to_string(limits.max_entries),
                std::to_string(limits.disk_reserve_bytes)};
  spawn.fds = {{kIngestInputFd, theirs.get()}, {kIngestResultFd, result.get()}};
  if (unpack) {
    spawn.argv.emplace_back(unpack->nodes ? kUnpackForOverlay : kUnpackForTree);
    spawn.fds[kIngestFolderFd] = unpack->folder.fd().get();
  }
  return {Child::start(spawn), FeedSink(std::move(ours), stopped)};
}

Ingested parse_result(const Fd& result, const ExitStatus& status) {
  throw_reported(result, status);
  std::uint64_t size_bytes = stat_of(result, "result").size_bytes;
  std::array<std::byte, 1 + kDigestBytes> head{};
  bool whole = size_bytes >= head.size() && size_bytes <= kMaxResultBytes &&
               read_at(result, head, 0, "result") == head.size() && static_cast<char>(head[0]) == 'T';
  if (!whole) throw_error(ErrorKind::system, "the reader of the layer ended without a result");
  if (::lseek(result.get(), head.size(), SEEK_SET) < 0) throw_errno("rewind result");
  FdSource table(result.duplicate(), "result");
  Ingested out{DiffId{Digest::from_raw(DigestAlgorithm::sha256, std::span(head).subspan(1))},
               read_toc(table, size_bytes - head.size())};
  check(out.toc);
  return out;
}

Ingested ingest(const Descriptor& blob, const std::optional<DiffId>& want, const StreamBlob& stream,
                const IngestLimits& limits, const Unpacking* unpack, const std::stop_token& stop) {
  Fd result = make_memfd("imgb-layer");
  StopEvent stopped(stop);
  std::optional<Running> running;  // whatever is thrown: killed on the way out
  // The media type is the sender's word; the first bytes are what there is.
  SniffingFeed feed([&](Compression compression) -> Sink& {
    running.emplace(start_child(compression, limits, result, unpack, stopped));
    return running->feed;
  });
  try {
    stream(blob, feed);
    feed.end();
  } catch (const Error&) {
    if (!running || !running->feed.child_gone()) throw;
  }
  running->feed.close();
  ExitStatus status = wait_unless_stopped(running->child, stopped);
  Ingested out = parse_result(result, status);
  if (want && out.diff_id != *want)
    throw_error(ErrorKind::corrupt, "DiffId mismatch: got {}, want {}", out.diff_id.digest.str(), want->digest.str());
  return out;
}

}  // namespace

Ingested run_ingest(const Descriptor& blob, const std::optional<DiffId>& want, const StreamBlob& stream,
                    const IngestLimits& limits, const Unpacking* unpack, std::stop_token stop) {
  return in_context([&] { return "layer " + blob.digest.str(); },
                    [&] { return ingest(blob, want, stream, limits, unpack, stop); });
}

}  // namespace imgb
