#include "registry/server/net_connection.h"

#include "core/base/error.h"

namespace imgb::server {
namespace {

constexpr std::size_t kFirstInputBytes = 2048, kBodyInputBytes = 64 * 1024;
/// Held back of a body until the whole blob is known to be right: no client takes what came for complete.
constexpr std::uint64_t kHeldBackBytes = 64 * 1024;
/// So long a blob that is read for the first time may take before its answer begins: a bad one is then refused by its
/// status, and not in the middle of the body.
constexpr std::chrono::milliseconds kPatience{1000};
/// What a client that was refused may still send, so that it hears why instead of a reset.
constexpr std::size_t kLingerBytes = 4 << 20;
constexpr std::chrono::seconds kLingerTime{5};

Reply damaged(const BlobBody& blob) {
  return error_reply(
      500, "DIGEST_INVALID",
      fmt::format("blob {} is damaged in this registry: its bytes are not those of its digest", blob.digest.str()));
}

Reply unreadable(const BlobBody& blob) {
  return error_reply(500, "UNKNOWN", fmt::format("blob {} cannot be read in this registry", blob.digest.str()));
}

}  // namespace

void NetConnection::abort() {
  aborted_ = true;
  boost::system::error_code gone;
  stream_->socket().close(gone);
  if (waiting_) waiting_->cancel();
}

asio::awaitable<void> NetConnection::serve() {
  try {
    allow(shared_.options.head_time);
    idle_ = true;
    idle_since_ = Clock::now();
    co_await stream_->open();
    for (bool first = true;; first = false) {
      bool asked = co_await read_head(first);
      if (!asked) break;
      bool goes_on = co_await serve_one(reader_.take_head());
      if (!goes_on) break;
    }
    co_await linger();
  } catch (const std::exception&) {
    // The client is gone, or its time was up. What it was told is in the log.
  }
  abort();
}

/// Reads more behind what is unread; 0 at the end.
asio::awaitable<std::size_t> NetConnection::fill() {
  if (begin_ > 0) {
    input_.replace(0, end_ - begin_, input_.substr(begin_, end_ - begin_));
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == input_.size()) input_.resize(std::max(kFirstInputBytes, input_.size() * 2));
  std::size_t got = co_await stream_->read_some(asio::buffer(input_.data() + end_, input_.size() - end_));
  end_ += got;
  co_return got;
}

asio::awaitable<bool> NetConnection::read_head(bool first) {
  reader_.begin();
  idle_ = true;
  idle_since_ = Clock::now();
  if (!first) allow(shared_.options.idle_time);
  std::optional<Reply> refusal;
  while (!reader_.has_head()) {
    if (begin_ == end_ || reader_.has_begun()) {
      if (shared_.ending && begin_ == end_) co_return false;
      std::size_t got = co_await fill();
      if (got == 0) co_return false;
    }
    try {
      begin_ += reader_.read_head(unread());
    } catch (const Error& e) {
      bool too_long = e.kind() == ErrorKind::denied;
      refusal = error_reply(too_long ? 431 : 400, "UNSUPPORTED", e.message());
      break;
    }
  }
  idle_ = false;
  if (!refusal) co_return true;
  body_pending_ = true;
  RequestHead nothing{.method = "-", .target = "-"};
  co_await send(nothing, *refusal, false);
  if (shared_.options.log)
    shared_.options.log({.peer = peer_, .method = "-", .target = "-", .status = refusal->status});
  co_return false;
}

asio::awaitable<bool> NetConnection::serve_one(RequestHead head) {
  auto began = Clock::now();
  head.peer = peer_;
  deadline_ = Clock::time_point::max();
  sent_ = received_ = 0;
  failure_.clear();
  Reply reply = co_await answer(head);
  co_await settle(reply);
  body_pending_ = !reader_.at_end();
  bool keep_alive = head.keep_alive && !reply.close && !body_pending_ && !shared_.ending;
  bool whole = true;
  try {
    co_await send(head, reply, keep_alive);
  } catch (const std::exception&) {
    whole = false;
  }
  auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began);
  shared_.service.metrics().count({route_, head.method, reply.status, sent_, received_, took});
  if (shared_.options.log)
    shared_.options.log({.peer = peer_,
                         .method = head.method,
                         .target = head.target,
                         .user_agent = std::string(head.headers.find("User-Agent").value_or("")),
                         .status = reply.status,
                         .sent_bytes = sent_,
                         .took = took,
                         .whole = whole,
                         .failure = reply.status >= 500 || !whole ? failure_ : ""});
  co_return keep_alive&& whole;
}

asio::awaitable<Reply> NetConnection::answer(const RequestHead& head) {
  Route route = parse_route(head.target);
  route_ = name_of(route);
  Gate::Access access = shared_.service.look(head, route);
  if (access == Gate::Access::unknown)
    access = co_await on_worker(shared_.doorkeepers, [&] { return shared_.service.check(head); });
  if (access != Gate::Access::granted) co_return Service::unauthorized();
  std::optional<Service::Step> step;
  try {
    step.emplace(shared_.service.begin(head, route));
  } catch (const std::exception& e) {
    failure_ = describe(e);
    co_return Service::reply_for(e);
  }
  if (auto* reply = std::get_if<Reply>(&*step)) co_return std::move(*reply);
  Reply reply = co_await do_work(head, *std::get<std::unique_ptr<Work>>(*step));
  co_return reply;
}

asio::awaitable<Reply> NetConnection::do_work(const RequestHead& head, Work& work) {
  std::exception_ptr failed;
  std::optional<Reply> reply;
  try {
    if (work.wants_body()) co_await read_body(head, work);
    deadline_ = Clock::time_point::max();
    TaskGroup& who = work.is_patient() ? shared_.patients : shared_.workers;
    reply = co_await on_worker(who, [&] { return work.finish(); });
  } catch (const boost::system::system_error&) {
    throw;  // of the connection
  } catch (const std::exception& e) {
    failure_ = describe(e);
    reply = Service::reply_for(e);
  }
  co_return *std::move(reply);
}

asio::awaitable<void> NetConnection::read_body(const RequestHead& head, Work& work) {
  if (head.expects_continue && begin_ == end_) co_await stream_->write("HTTP/1.1 100 Continue\r\n\r\n", {}, false);
  std::vector<std::byte> piece(kBodyInputBytes);
  if (!reader_.at_end() && input_.size() < kBodyInputBytes) input_.resize(kBodyInputBytes);
  while (!reader_.at_end()) {
    if (begin_ == end_) {
      allow(shared_.options.stall_time);
      std::size_t got = co_await fill();
      if (got == 0) throw boost::system::system_error(asio::error::connection_reset);
    }
    RequestReader::Piece read = reader_.read_body(unread(), piece);
    begin_ += read.used;
    received_ += read.got;
    if (read.got > 0) {
      deadline_ = Clock::time_point::max();
      co_await on_worker(shared_.workers, [&] { work.take(std::span(piece).first(read.got)); });
    } else if (read.used == 0 && !reader_.at_end()) {
      allow(shared_.options.stall_time);  // the head of a chunk that is not all here
      std::size_t got = co_await fill();
      if (got == 0) throw boost::system::system_error(asio::error::connection_reset);
    }
  }
  if (begin_ == end_) begin_ = end_ = 0, input_ = std::string();
}

/// Until the flight's progress is another, or the timer ends.
asio::awaitable<void> NetConnection::wait_for_change(std::shared_ptr<Flight> flight, Flight::Progress seen,
                                                     Clock::time_point until) {
  auto executor = co_await asio::this_coro::executor;
  waiting_ = std::make_shared<asio::steady_timer>(executor, until);
  flight->at_change(seen, [executor, timer = waiting_] { asio::post(executor, [timer] { timer->cancel(); }); });
  co_await wait_for_wake(waiting_);
  waiting_.reset();
  if (aborted_) throw boost::system::system_error(asio::error::operation_aborted);
}

/// Gives a blob that is read for the first time a while to turn out right.
asio::awaitable<void> NetConnection::settle(Reply& reply) {
  if (!reply.blob || !reply.blob->flight) co_return;
  auto until = Clock::now() + kPatience;
  while (Clock::now() < until) {
    Flight::Progress progress = reply.blob->flight->progress();
    if (progress.state == Flight::State::good) {
      reply.blob->flight.reset();
      co_return;
    }
    if (progress.state != Flight::State::running) {
      failure_ = fmt::format("blob {} {}", reply.blob->digest.str(),
                             progress.state == Flight::State::bad ? "is damaged" : "cannot be read");
      Reply refusal = progress.state == Flight::State::bad ? damaged(*reply.blob) : unreadable(*reply.blob);
      reply = std::move(refusal);
      co_return;
    }
    co_await wait_for_change(reply.blob->flight, progress, until);
  }
}

asio::awaitable<void> NetConnection::send(const RequestHead& head, const Reply& reply, bool keep_alive) {
  allow(shared_.options.stall_time);
  std::string lines = render_head(reply, keep_alive);
  bool has_body = head.method != "HEAD";
  bool blob_follows = has_body && reply.blob && reply.blob->length > 0;
  co_await stream_->write(lines, has_body ? std::string_view(reply.body) : std::string_view(), blob_follows);
  if (has_body) sent_ += reply.body.size();
  if (blob_follows) co_await send_blob(*reply.blob);
}

asio::awaitable<void> NetConnection::send_blob(const BlobBody& blob) {
  std::shared_ptr<Flight> flight = blob.flight;
  std::uint64_t at = blob.first, end = blob.first + blob.length;
  std::uint64_t certain = end - std::min(blob.length, kHeldBackBytes);
  while (at < end) {
    std::uint64_t limit = end;
    if (flight) {
      Flight::Progress progress = flight->progress();
      if (progress.state == Flight::State::good) {
        flight.reset();
        continue;
      }
      if (progress.state != Flight::State::running) {
        failure_ = fmt::format("blob {} is damaged or cannot be read: cut off", blob.digest.str());
        throw boost::system::system_error(asio::error::connection_aborted);
      }
      limit = std::min(progress.readable, certain);
      if (at >= limit) {
        deadline_ = Clock::time_point::max();
        co_await wait_for_change(flight, progress, Clock::time_point::max());
        continue;
      }
    }
    allow(shared_.options.stall_time);
    std::size_t sent = co_await stream_->send_some(*blob.file.file, blob.file.offset + at, limit - at);
    if (sent == 0) throw boost::system::system_error(asio::error::connection_aborted);
    at += sent;
    sent_ += sent;
    if (at < end) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);  // others' turn
  }
}

asio::awaitable<void> NetConnection::linger() {
  deadline_ = Clock::now() + kLingerTime;
  co_await stream_->finish();
  if (!body_pending_) co_return;
  std::vector<char> dropped(16 * 1024);
  for (std::size_t read = 0; read < kLingerBytes;) {
    std::size_t got = co_await stream_->socket().async_read_some(asio::buffer(dropped), asio::use_awaitable);
    read += got;
  }
}

}  // namespace imgb::server
