#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "builder/archive_files.h"
#include "builder/tar_sink.h"
#include "core/store/blob_places.h"

namespace imgb {

/// The entries of an archive's index.json; nullopt when it has none, being what old versions of Docker save.
std::optional<std::vector<Descriptor>> find_archive_images(ArchiveFiles& files);

/// An image of an archive that is an OCI image layout. Borrows the archive.
class ArchiveReader : public BlobsReader {
 public:
  ArchiveReader(ArchiveFiles& files, std::string name, Descriptor image, std::vector<Descriptor> roots)
      : BlobsReader(std::move(name), std::move(image)), files_(files), roots_(std::move(roots)) {}

 protected:
  std::unique_ptr<Source> open(const Digest& digest) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override;
  std::vector<Descriptor> roots() const override { return roots_; }

 private:
  ArchiveFiles& files_;
  std::vector<Descriptor> roots_;
};

/// Writes an OCI image layout as one tar while its parts arrive, for what is new each time: nothing is there before.
/// The same image gives the same bytes.
class ArchiveWriter : public ImageWriter {
 public:
  struct Form {
    std::map<std::string, std::string> annotations;  ///< Of the image's entry in index.json.
    bool docker = false;                             ///< With manifest.json, for one image that is no index.
    std::vector<Reference> docker_names;
  };
  /// `commit`: called when the last byte has been written. Borrows the sink.
  ArchiveWriter(Sink& into, std::string name, Form form, std::function<void()> commit)
      : tar_(into), name_(std::move(name)), form_(std::move(form)), commit_(std::move(commit)) {}
  std::string name() const override { return name_; }
  bool has_named(const Descriptor&, Activity*, const std::stop_token&) override { return false; }
  BlobSent take_blob(const Descriptor& blob, ImageReader& from, Activity* activity,
                     const std::stop_token& stop) override;
  void put_manifest(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) override;
  void put_referrer(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) override;
  void finish(const FetchedManifest& image, Activity* activity, const std::stop_token& stop) override;

 private:
  void begin_file(const std::string& path);
  TarSink tar_;
  std::string name_;
  Form form_;
  std::function<void()> commit_;
  std::set<std::string> folders_;
  std::vector<Descriptor> entries_;
};

}  // namespace imgb
