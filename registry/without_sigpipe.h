#pragma once
#include <pthread.h>
#include <signal.h>

#include <ctime>

namespace imgb {

/// OpenSSL writes with write(2): a closed peer must be an error, not a signal. Holds it back for this thread only.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  ~WithoutSigpipe() {
    if (sigismember(&before_, SIGPIPE)) return;
    timespec at_once{};
    while (sigtimedwait(&sigpipe_, nullptr, &at_once) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;

 private:
  sigset_t sigpipe_, before_;
};

}  // namespace imgb
