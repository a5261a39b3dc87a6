#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "registry/http.h"
#include "tests/support/fake_socket.h"

namespace imgb {

struct FakeRequest {
  std::string method, target, body;
  Headers headers;
  std::string path() const { return target.substr(0, target.find('?')); }
  std::string query(std::string_view name) const;  ///< Decoded; "" when absent.
  std::string header(std::string_view name) const { return std::string(headers.find(name).value_or("")); }
};
struct FakeReply {
  int status = 200;
  Headers headers;
  std::string body;
};

/// Something that goes wrong with the answers to some requests. The first fault that fits a request and has `times`
/// left is used.
struct FakeFault {
  std::string method;  ///< "" fits all.
  std::string path;    ///< Part of the target; "" fits all.
  int times = 1;       ///< Negative: for ever.

  int status = 0;                               ///< Answered instead of the real thing, when not 0 ...
  Headers headers = {};                         ///< ... with these, which are also added to a real answer ...
  std::optional<std::string> body = {};         ///< ... and this.
  std::function<void(FakeReply&)> change = {};  ///< Has the last word about the answer.
  std::optional<std::uint64_t> cut_at = {};     ///< The connection closes after that many bytes of the body.
  std::optional<std::string> raw = {};          ///< These bytes instead of any HTTP; then the connection closes.
  std::chrono::milliseconds byte_every{0};      ///< One byte of the body at a time, this far apart.
  bool silent = false;                          ///< Reads the request and never answers.
  bool reset = false;                           ///< Resets the connection instead of answering.
  std::optional<std::uint64_t> takes = {};      ///< So much of the request's body arrives; then the connection resets.
  bool no_ranges = false;                       ///< As if Range had not been asked.
  bool chunked = false;                         ///< Transfer-Encoding: chunked instead of Content-Length.
  std::optional<std::uint64_t> endless_after = {};  ///< Chunked, and after that many bytes zeros without end.
};

/// One request off the wire; nullopt when the connection ends. `buffer` keeps what came after it.
std::optional<FakeRequest> read_request(FakeSocket& socket, std::string& buffer);

/// Whether the fault has a time left and is meant for such requests.
bool fits(const FakeFault& fault, const FakeRequest& request);

/// What the request asks for of a whole answer (Range).
void apply_range(const FakeRequest& request, FakeReply& reply);

/// Waits; false when the server ends meanwhile.
using FakePause = std::function<bool(std::chrono::milliseconds)>;
/// The answer as the fault has it. False: the connection is to be closed.
bool send_reply(FakeSocket& socket, const FakeRequest& request, const FakeReply& reply, const FakeFault& fault,
                const FakePause& pause);

}  // namespace imgb
