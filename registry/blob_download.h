#pragma once
#include <functional>
#include <memory>
#include <stop_token>

#include "core/base/progress.h"
#include "core/base/report_pace.h"
#include "core/store/blob_store.h"
#include "registry/client.h"

namespace imgb {

/// One blob on its way to where it lands, over as many requests as it takes. Not shared between threads.
class BlobDownload {
 public:
  /// Waits while another process downloads it.
  BlobDownload(const Descriptor& blob, BlobLanding& into, BlobTap* tap, Activity* activity);

  bool complete() const { return !writer_; }
  /// One request for what is missing, then the check. Returns when the blob has landed. Throws as Session::send, a
  /// cut TransportError when bytes are missing, Error(corrupt) for wrong ones: then the next call starts anew.
  /// True progress sets `attempt` back to 1.
  void attempt(Session& session, const Endpoint& endpoint, int& attempt, const std::stop_token& stop);
  /// Gives the tap what it has not had, from `open`; throws what the tap threw before. Call once, when complete.
  void finish(const std::function<std::unique_ptr<Source>()>& open = {});

 private:
  class Body;
  void request_rest(Session& session, const Endpoint& endpoint, const std::stop_token& stop);
  void take(std::span<const std::byte> bytes);
  void give_tap(std::span<const std::byte> bytes);
  void commit();
  void report();

  const Descriptor& blob_;
  BlobLanding& into_;
  BlobTap* tap_;
  Activity* activity_;
  std::unique_ptr<BlobWriter> writer_;
  bool tap_is_live_ = false;  ///< It has had every byte that the writer has.
  bool tap_touched_ = false;
  bool ranges_ = true;     ///< The registry has not refused them yet.
  bool overlong_ = false;  ///< More came than the blob has: what is here counts only after a whole answer that fits.
  std::exception_ptr tap_failure_;
  ReportPace pace_;
};

}  // namespace imgb
