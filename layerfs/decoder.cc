#include "layerfs/decoder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include "core/base/error.h"
#include "core/base/process.h"
#include "layerfs/child_report.h"
#include "layerfs/codec.h"
#include "layerfs/decoder_child.h"

namespace imgb {
namespace {

constexpr int kQueueBytes = 1 << 20;

/// One thread feeds the child and takes what it gives: whichever of the two can go on does.
class ConfinedDecoder : public Source {
 public:
  ConfinedDecoder(Source& from, std::uint64_t max_bytes)
      : from_(from), buffer_(std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes)) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) throw_errno("socketpair");
    feed_ = Fd(ends[0]);
    Fd theirs(ends[1]);
    ::setsockopt(feed_.get(), SOL_SOCKET, SO_SNDBUF, &kQueueBytes, sizeof kQueueBytes);
    Pipe out = make_pipe();
    ::fcntl(out.write.get(), F_SETPIPE_SZ, kQueueBytes);  // a smaller one is slower and no more
    Spawn spawn;
    spawn.new_session = true;  // a Ctrl-C is for us: we end our children
    spawn.argv = {"/proc/self/exe", std::string(kDecodeCommand), std::to_string(max_bytes)};
    spawn.fds = {{kDecodeInputFd, theirs.get()}, {kDecodeResultFd, result_.get()}, {kDecodeOutputFd, out.write.get()}};
    child_.emplace(Child::start(spawn));
    decoded_ = std::move(out.read);
  }

  std::size_t read(std::span<std::byte> into) override {
    while (decoded_) {
      pollfd fds[] = {{decoded_.get(), POLLIN, 0}, {feed_.get(), POLLOUT, 0}};  // a negative number is passed over
      if (::poll(fds, 2, -1) < 0) {
        if (errno == EINTR) continue;
        throw_errno("poll");
      }
      if (fds[1].revents != 0) feed();
      if (fds[0].revents == 0) continue;
      if (std::size_t got = read_some(decoded_, into, "decompressed bytes"); got > 0) return got;
      finish();
    }
    return 0;
  }

 private:
  void feed() {
    if (pending_.empty()) {
      pending_ = std::span(buffer_.get(), from_.read({buffer_.get(), kStreamBufferBytes}));
      if (pending_.empty()) return feed_.reset();
    }
    ssize_t sent = ::send(feed_.get(), pending_.data(), pending_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      pending_ = pending_.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      feed_.reset();  // the child has ended: its result says why
    } else if (errno != EAGAIN && errno != EINTR) {
      throw_errno("hand bytes to their decompressor");
    }
  }
  void finish() {
    decoded_.reset();
    feed_.reset();
    ExitStatus status = child_->wait();
    throw_reported(result_, status);
  }

  Source& from_;
  std::unique_ptr<std::byte[]> buffer_;
  std::span<std::byte> pending_;
  Fd feed_, decoded_, result_ = make_memfd("imgb-decoder");
  std::optional<Child> child_;
};

class Decoded : public Source {
 public:
  Decoded(Source& from, std::uint64_t max_bytes) : start_(from) {
    if (is_compressed(as_bytes(start_.start()))) decoder_.emplace(start_, max_bytes);
  }
  std::size_t read(std::span<std::byte> into) override { return decoder_ ? decoder_->read(into) : start_.read(into); }

 private:
  RewoundSource start_;
  std::optional<ConfinedDecoder> decoder_;
};

}  // namespace

std::unique_ptr<Source> decode_confined(Source& from, std::uint64_t max_bytes) {
  return std::make_unique<Decoded>(from, max_bytes);
}

}  // namespace imgb
