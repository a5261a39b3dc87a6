#include "core/store/blob_places.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/store/publish.h"

namespace imgb {
namespace {

std::optional<Digest> find_subject(const FetchedManifest& manifest) {
  const auto& subject = std::visit(
      [](const auto& value) -> const auto& { return value.subject; }, manifest.content);
  return subject ? std::optional(subject->digest) : std::nullopt;
}

}  // namespace

FetchedManifest BlobsReader::get_named(Activity* activity, const std::stop_token& stop) {
  return get_manifest(image_, activity, stop);
}

FetchedManifest BlobsReader::get_manifest(const Descriptor& manifest, Activity*, const std::stop_token&) {
  expect_blob(manifest);
  if (manifest.size_bytes > kMaxManifestBytes)
    throw_error(ErrorKind::corrupt, "manifest {} is {} bytes long", manifest.digest.str(), manifest.size_bytes);
  return check_manifest(read_all(*open(manifest.digest), kMaxManifestBytes, manifest.digest.str()), manifest);
}

std::vector<Descriptor> BlobsReader::list_referrers(const Digest& subject, Activity* activity,
                                                    const std::stop_token& stop) {
  std::vector<Descriptor> found;
  for (const Descriptor& root : roots()) {
    if (root.digest == subject || !find_size(root.digest)) continue;
    if (!media_type::is_manifest(root.media_type) && !media_type::is_index(root.media_type)) continue;
    FetchedManifest manifest = get_manifest(root, activity, stop);
    if (find_subject(manifest) != subject) continue;
    Descriptor referrer = referrer_entry(manifest);
    if (std::ranges::find(found, referrer) == found.end()) found.push_back(std::move(referrer));
  }
  return found;
}

std::unique_ptr<Source> BlobsReader::open_blob(const Descriptor& blob, std::uint64_t from_bytes, Activity*,
                                               const std::stop_token&) {
  auto source = open(blob.digest);
  skip_bytes(*source, from_bytes);
  return source;
}

void BlobsReader::expect_blob(const Descriptor& blob) const {
  auto size = find_size(blob.digest);
  if (!size) throw_error(ErrorKind::not_found, "blob {} is not in {}", blob.digest.str(), place());
  if (*size != blob.size_bytes)
    throw_error(ErrorKind::corrupt, "blob {} has {} bytes, its manifest says {}", blob.digest.str(), *size,
                blob.size_bytes);
}

bool StoreWriter::has_named(const Descriptor& image, Activity*, const std::stop_token&) {
  auto known = store_.images().find(name_);
  if (!known || known->digest != image.digest) return false;
  auto is_there = [&](const Digest& digest) { return store_.blobs().find_size(digest).has_value(); };
  auto read = [&](const Descriptor& blob) {
    return is_there(blob.digest) ? std::optional(read_blob(store_.blobs(), blob, kMaxManifestBytes)) : std::nullopt;
  };
  return has_all(image, read, is_there);
}

BlobSent StoreWriter::take_blob(const Descriptor& blob, ImageReader& from, Activity* activity,
                                const std::stop_token& stop) {
  if (store_.blobs().find_size(blob.digest) == blob.size_bytes) return BlobSent::present;
  from.fetch_blob(blob, store_.blobs(), activity, stop);
  return BlobSent::uploaded;
}

void StoreWriter::put_manifest(const FetchedManifest& manifest, Activity*, const std::stop_token&) {
  land_manifest(store_.blobs(), manifest);
}

void StoreWriter::put_referrer(const FetchedManifest& manifest, Activity*, const std::stop_token&) {
  land_manifest(store_.blobs(), manifest);
  publish(store_, manifest.descriptor, {});
}

void StoreWriter::finish(const FetchedManifest& image, Activity*, const std::stop_token&) {
  land_manifest(store_.blobs(), image);
  publish(store_, image.descriptor, {&name_, 1});
}

void skip_bytes(Source& from, std::uint64_t bytes) {
  auto buffer = bytes > 0 ? std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes) : nullptr;
  while (bytes > 0) {
    std::size_t got = from.read({buffer.get(), std::min<std::uint64_t>(kStreamBufferBytes, bytes)});
    if (got == 0) return;  // its reader finds the end too early
    bytes -= got;
  }
}

bool has_all(const Descriptor& image, const ReadManifest& read, const std::function<bool(const Digest&)>& is_there) {
  try {
    return std::ranges::all_of(reachable({&image, 1}, read), is_there);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt && error.kind() != ErrorKind::not_found) throw;
    return false;
  }
}

void land_manifest(BlobLanding& into, const FetchedManifest& manifest) {
  for (;;) {
    auto writer = into.create_expected(manifest.descriptor);
    if (!writer) return;
    std::string_view bytes = manifest.bytes;
    bool resumed = writer->size_bytes() > 0;
    writer->write(as_bytes(bytes.substr(writer->size_bytes())));
    try {
      writer->commit(manifest.descriptor.media_type);
      return;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt || !resumed) throw;
    }
  }
}

}  // namespace imgb
