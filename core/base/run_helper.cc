#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/base/process.h"

extern char** environ;

namespace imgb {
namespace {

using Clock = std::chrono::steady_clock;

void make_nonblocking(const Fd& fd) { ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK); }

/// Moves what is there; false at the end of the stream.
bool drain(const Fd& from, std::string& into, std::size_t max_bytes, std::string_view what) {
  char buffer[16 * 1024];
  ssize_t got = ::read(from.get(), buffer, sizeof buffer);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return true;
    throw_errno("reading from {}", what);
  }
  if (into.size() + static_cast<std::size_t>(got) > max_bytes)
    throw_error(ErrorKind::corrupt, "{} printed more than {} bytes", what, max_bytes);
  into.append(buffer, static_cast<std::size_t>(got));
  return got > 0;
}

/// Writes what fits; true when there is more to write.
bool feed(const Fd& to, std::string_view& rest) {
  ssize_t put = ::write(to.get(), rest.data(), rest.size());
  if (put < 0) return errno == EAGAIN || errno == EINTR;  // EPIPE: it does not want the rest
  rest.remove_prefix(static_cast<std::size_t>(put));
  return !rest.empty();
}

}  // namespace

Output run_helper(std::vector<std::string> argv, std::string_view input, std::chrono::milliseconds limit,
                  std::size_t max_bytes) {
  Pipe in = make_pipe(), out = make_pipe(), err = make_pipe();
  Spawn spawn;
  spawn.argv = argv;
  for (char** entry = environ; *entry; ++entry) spawn.env.emplace_back(*entry);
  spawn.fds = {{0, in.read.get()}, {1, out.write.get()}, {2, err.write.get()}};
  Child child = Child::start(spawn);
  in.read.reset(), out.write.reset(), err.write.reset();
  make_nonblocking(in.write), make_nonblocking(out.read), make_nonblocking(err.read);
  if (input.empty()) in.write.reset();

  Output result;
  auto deadline = Clock::now() + limit;
  while (in.write || out.read || err.read) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) throw_error(ErrorKind::unavailable, "{} did not finish within {} ms", argv.at(0), limit.count());
    pollfd ready[3] = {{in.write.get(), POLLOUT, 0}, {out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}};
    if (::poll(ready, 3, static_cast<int>(left)) < 0 && errno != EINTR) throw_errno("waiting for {}", argv.at(0));
    if (ready[0].revents && !feed(in.write, input)) in.write.reset();
    if (ready[1].revents && !drain(out.read, result.out, max_bytes, argv.at(0))) out.read.reset();
    if (ready[2].revents && !drain(err.read, result.err, max_bytes, argv.at(0))) err.read.reset();
  }
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  auto status = child.wait_for(std::max(left, std::chrono::milliseconds(0)));
  if (!status) throw_error(ErrorKind::unavailable, "{} did not finish within {} ms", argv.at(0), limit.count());
  result.status = *status;
  return result;
}

}  // namespace imgb
