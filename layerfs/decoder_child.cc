#include "layerfs/decoder_child.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/child_report.h"
#include "layerfs/codec.h"
#include "layerfs/confined.h"

namespace imgb {
namespace {

void decode(std::uint64_t max_bytes) {
  confine(nullptr);
  CountingSource from{Fd(kDecodeInputFd)};
  std::unique_ptr<Source> decoded = make_sniffing_decompressor(from);
  Fd to(kDecodeOutputFd);
  auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
  std::uint64_t total = 0;
  while (std::size_t got = decoded->read({buffer.get(), kStreamBufferBytes})) {
    total += got;
    check_expansion(from.count(), total, max_bytes);
    write_all(to, std::span<const std::byte>(buffer.get(), got), "decompressed bytes");
  }
}

}  // namespace

int decode_main(std::span<const std::string> args) {
  Fd result(kDecodeResultFd);
  return report_failure(result, [&] {
    auto max_bytes = args.size() == 1 ? find_unsigned(args[0]) : std::nullopt;
    if (!max_bytes) throw_error(ErrorKind::internal, "{}: bad arguments", kDecodeCommand);
    decode(*max_bytes);
  });
}

}  // namespace imgb
