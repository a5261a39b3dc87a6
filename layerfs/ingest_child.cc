#include "layerfs/ingest_child.h"

#include <sys/stat.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <optional>
#include <thread>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/broadcast_ring.h"
#include "layerfs/child_report.h"
#include "layerfs/codec.h"
#include "layerfs/confined.h"
#include "layerfs/layer_reader.h"

namespace imgb {
namespace {

constexpr std::size_t kBuffers = 8, kBufferBytes = 1 << 20;
constexpr unsigned kParseReader = 0, kReaders = 1;

struct Settings {
  Compression compression = Compression::gzip;
  std::uint64_t max_bytes = 0, max_entries = 0, reserve_bytes = 0;
  bool unpack = false, nodes = false;
};

Settings settings_of(std::span<const std::string> args) {
  Settings settings;
  auto number = [&](std::size_t i) {
    auto value = i < args.size() ? find_unsigned(args[i]) : std::nullopt;
    if (!value) throw_error(ErrorKind::internal, "{}: bad arguments", kIngestCommand);
    return *value;
  };
  settings.compression = static_cast<Compression>(number(0));
  settings.max_bytes = number(1);
  settings.max_entries = number(2);
  settings.reserve_bytes = number(3);
  settings.nodes = args.size() > 4 && args[4] == kUnpackForOverlay;
  settings.unpack = settings.nodes || (args.size() > 4 && args[4] == kUnpackForTree);
  return settings;
}

/// Decompresses and hashes on a thread of its own, while the caller parses: both cores are busy.
class TarStream {
 public:
  explicit TarStream(const Settings& settings)
      : settings_(settings), ring_(kBuffers, kBufferBytes, kReaders, {}), thread_([this] { run(); }) {}
  ~TarStream() { ring_.abort(); }

  std::span<const std::byte> next() {
    try {
      return ring_.next(kParseReader);
    } catch (const Error&) {
      if (failure_) std::rethrow_exception(failure_);  // set before the ring was aborted
      throw;
    }
  }
  Digest finish() {
    thread_.join();
    return hasher_.finish();
  }

 private:
  void run() {
    try {
      decompress();
      ring_.close();
    } catch (...) {
      failure_ = std::current_exception();
      ring_.abort();
    }
  }
  void decompress() {
    CountingSource blob{Fd(kIngestInputFd)};
    std::unique_ptr<Source> tar = make_decompressor(settings_.compression, blob);
    std::uint64_t total = 0;
    while (true) {
      std::span<std::byte> space = ring_.space();
      std::size_t got = tar->read(space);
      if (got == 0) return;
      hasher_.update(space.first(got));
      ring_.advance(got);
      total += got;
      check_expansion(blob.count(), total, settings_.max_bytes);
    }
  }

  const Settings settings_;
  BroadcastRing ring_;
  Hasher hasher_;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it uses the others
};

void ingest(const Settings& settings, const Fd& result) {
  Fd folder(settings.unpack ? kIngestFolderFd : -1);
  confine(settings.unpack ? &folder : nullptr);
  std::optional<UpperWriter> unpack;
  if (settings.unpack) unpack.emplace(Dir(std::move(folder), "layer"), settings.reserve_bytes, settings.nodes);
  TarStream stream(settings);
  int code = report_failure(result, [&] {
    TarReader tar([&] { return stream.next(); });
    Toc toc = read_layer(tar, settings.max_entries, unpack ? &*unpack : nullptr);
    Digest diff_id = stream.finish();
    write_all(result, "T", "result");
    write_all(result, diff_id.raw(), "result");
    FdSink sink(result.duplicate(), "result");
    write_toc(toc, sink);
  });
  // The stream's thread may wait for bytes that come late or never: a failure does not wait for it.
  if (code != 0) ::_exit(code);
}

}  // namespace

int ingest_main(std::span<const std::string> args) {
  ::umask(0);
  Fd result(kIngestResultFd);
  return report_failure(result, [&] { ingest(settings_of(args), result); });
}

}  // namespace imgb
