#include "registry/registry_places.h"

#include "core/base/text.h"
#include "registry/piped_source.h"

namespace imgb {

FetchedManifest RegistryReader::get_named(Activity* activity, const std::stop_token& stop) {
  return client_.get_manifest(name_, stop, activity);
}

FetchedManifest RegistryReader::get_manifest(const Descriptor& manifest, Activity* activity,
                                             const std::stop_token& stop) {
  FetchedManifest got = client_.get_manifest(name_.with_digest(manifest.digest), stop, activity);
  bool same_type = manifest.media_type.empty() || got.descriptor.media_type == manifest.media_type;
  if (got.bytes.size() != manifest.size_bytes || !same_type)
    throw_error(ErrorKind::corrupt, "{}: {} is {} bytes of {}, its index says {} bytes of {}", name(),
                manifest.digest.str(), got.bytes.size(), got.descriptor.media_type, manifest.size_bytes,
                printable(manifest.media_type, 128));
  return got;
}

std::vector<Descriptor> RegistryReader::list_referrers(const Digest& subject, Activity* activity,
                                                       const std::stop_token& stop) {
  return client_.list_referrers(name_, subject, activity, stop);
}

std::unique_ptr<Source> RegistryReader::open_blob(const Descriptor& blob, std::uint64_t from_bytes, Activity* activity,
                                                  const std::stop_token& stop) {
  auto fill = [this, blob, from_bytes, activity](Sink& into, const std::stop_token& stopping) {
    client_.stream_blob(name_, blob, from_bytes, into, activity, stopping);
  };
  return std::make_unique<PipedSource>(std::move(fill), stop);
}

void RegistryReader::fetch_blob(const Descriptor& blob, BlobLanding& into, Activity* activity,
                                const std::stop_token& stop) {
  client_.land_blob(name_, blob, into, activity, stop);
}

bool RegistryWriter::has_named(const Descriptor& image, Activity* activity, const std::stop_token& stop) {
  return client_.has_manifest(name_, image.digest, activity, stop);
}

std::string RegistryWriter::mount_source(const Digest& blob, const ImageReader& from) const {
  auto its = from.repository_of(blob);
  if (its && its->domain() == name_.domain() && its->path() != name_.path()) return its->path();
  return mount_from_ ? mount_from_(blob) : "";
}

BlobSent RegistryWriter::take_blob(const Descriptor& blob, ImageReader& from, Activity* activity,
                                   const std::stop_token& stop) {
  auto open = [&](std::uint64_t from_bytes) { return from.open_blob(blob, from_bytes, activity, stop); };
  return client_.push_blob(name_, blob, OpenBlob(open), mount_source(blob.digest, from), activity, stop);
}

void RegistryWriter::put(const Reference& name, const FetchedManifest& manifest, Activity* activity,
                         const std::stop_token& stop) {
  bool knows_subject = client_.put_manifest(name, manifest.descriptor, manifest.bytes, activity, stop);
  const auto& subject = std::visit(
      [](const auto& value) -> const auto& { return value.subject; }, manifest.content);
  if (subject && !knows_subject) client_.add_referrer(name_, subject->digest, referrer_entry(manifest), activity, stop);
}

void RegistryWriter::put_manifest(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) {
  put(name_.with_digest(manifest.descriptor.digest), manifest, activity, stop);
}

void RegistryWriter::put_referrer(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) {
  put_manifest(manifest, activity, stop);
}

void RegistryWriter::finish(const FetchedManifest& image, Activity* activity, const std::stop_token& stop) {
  if (name_.digest() && *name_.digest() != image.descriptor.digest)
    throw_error(ErrorKind::input, "{} is to be {}, but the image is {}", name_.name(), name_.digest()->str(),
                image.descriptor.digest.str());
  put(name_, image, activity, stop);
}

}  // namespace imgb
