#pragma once
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "core/base/stream.h"

namespace imgb {

/// Turns what writes into a sink into what can be read: `fill` runs on a thread of its own, at most 1 MiB ahead of its
/// reader. What it throws is thrown to the reader after the bytes that came before. Destroyed early: `fill` is stopped.
class PipedSource : public Source {
 public:
  using Fill = std::function<void(Sink&, const std::stop_token&)>;
  PipedSource(Fill fill, std::stop_token parent);
  ~PipedSource() override;
  std::size_t read(std::span<std::byte> into) override;

 private:
  class Inlet;
  void put(std::span<const std::byte> bytes, const std::stop_token& stop);
  void close(std::exception_ptr failure);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::unique_ptr<std::byte[]> ring_;
  std::size_t first_ = 0, filled_ = 0;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::stop_token parent_;
  std::jthread thread_;
  std::stop_callback<std::function<void()>> on_parent_;
};

}  // namespace imgb
