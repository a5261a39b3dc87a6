#include "core/store/image_places.h"

#include "core/base/error.h"
#include "core/base/report_pace.h"
#include "core/base/task.h"

namespace imgb {
namespace {

void copy_rest(Source& from, BlobWriter& to, const Descriptor& blob, Activity* activity, const std::stop_token& stop) {
  auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
  ReportPace pace;
  while (std::size_t got = from.read({buffer.get(), kStreamBufferBytes})) {
    throw_if_stopped(stop);
    to.write({buffer.get(), got});
    if (activity && pace.is_due()) activity->bytes(blob.digest.short_hex(), to.size_bytes(), blob.size_bytes);
  }
  if (activity) activity->bytes(blob.digest.short_hex(), to.size_bytes(), blob.size_bytes);
}

}  // namespace

FetchedManifest check_manifest(std::string bytes, const Descriptor& expected) {
  Hasher hasher(expected.digest.algorithm());
  hasher.update(bytes);
  Digest digest = hasher.finish();
  if (digest != expected.digest || bytes.size() != expected.size_bytes)
    throw_error(ErrorKind::corrupt, "got manifest {} ({} bytes), want {} ({} bytes)", digest.str(), bytes.size(),
                expected.digest.str(), expected.size_bytes);
  auto content = parse_manifest(bytes, expected.media_type);
  std::string type = std::visit([](const auto& value) { return value.media_type; }, content);
  return {Descriptor{std::move(type), digest, bytes.size(), {}, {}, {}}, std::move(bytes), std::move(content)};
}

Descriptor referrer_entry(const FetchedManifest& manifest) {
  Descriptor entry = manifest.descriptor;
  const auto* image = std::get_if<Manifest>(&manifest.content);
  entry.artifact_type = std::visit([](const auto& value) { return value.artifact_type; }, manifest.content);
  if (entry.artifact_type.empty() && image) entry.artifact_type = image->config.media_type;
  entry.annotations = std::visit([](const auto& value) { return value.annotations; }, manifest.content);
  return entry;
}

void ImageReader::fetch_blob(const Descriptor& blob, BlobLanding& into, Activity* activity,
                             const std::stop_token& stop) {
  for (;;) {
    auto writer = into.create_expected(blob);
    if (!writer) return;
    bool resumed = writer->size_bytes() > 0;
    if (writer->size_bytes() < blob.size_bytes)
      copy_rest(*open_blob(blob, writer->size_bytes(), activity, stop), *writer, blob, activity, stop);
    try {
      writer->commit(blob.media_type);
      return;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt || !resumed) throw;  // else it was the old part that was wrong
    }
  }
}

}  // namespace imgb
