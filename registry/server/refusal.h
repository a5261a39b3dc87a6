#pragma once
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "registry/server/reply.h"

namespace imgb::server {

/// A request that is answered with an error of the specification.
class Refusal : public Error {
 public:
  Refusal(int status, std::string_view code, const std::string& message)
      : Error(ErrorKind::input, message), reply_(error_reply(status, code, message)) {}
  Refusal& with(std::string name, std::string value) {
    reply_.with(std::move(name), std::move(value));
    return *this;
  }
  const Reply& reply() const { return reply_; }

 private:
  Reply reply_;
};

}  // namespace imgb::server
