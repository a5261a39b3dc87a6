#pragma once
#include <stop_token>

#include "core/base/stream.h"
#include "sandbox/launch.h"
#include "sandbox/step.h"

namespace imgb {

/// Runs one process in its own world. The sandbox is one; pipeline tests have a twin.
class StepRunner {
 public:
  virtual ~StepRunner() = default;
  /// As Sandbox::warm_up: a step like this one is to come.
  virtual void warm_up(const StepSpec&) {}
  /// As Sandbox::moves_caches.
  virtual bool moves_caches() { return false; }
  /// As Sandbox::run. Threads: may be called at once.
  virtual StepResult run(const StepSpec& spec, Sink& output, std::stop_token stop) = 0;
};

/// Borrows the sandbox.
class SandboxRunner : public StepRunner {
 public:
  explicit SandboxRunner(Sandbox& sandbox) : sandbox_(sandbox) {}
  void warm_up(const StepSpec& like) override { sandbox_.warm_up(like); }
  bool moves_caches() override { return sandbox_.moves_caches(); }
  StepResult run(const StepSpec& spec, Sink& output, std::stop_token stop) override {
    return sandbox_.run(spec, output, std::move(stop));
  }

 private:
  Sandbox& sandbox_;
};

}  // namespace imgb
