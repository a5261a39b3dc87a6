#include "builder/export.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "core/base/error.h"
#include "core/store/local_image.h"
#include "core/store/publish.h"

namespace imgb {
namespace {

/// A file that appears complete or not at all; devices, pipes and sockets are streamed to.
void write_file(const std::filesystem::path& dest, const std::function<void(Sink&)>& write) {
  struct stat there {};
  bool exists = ::stat(dest.c_str(), &there) == 0;
  if (exists && S_ISDIR(there.st_mode)) throw_error(ErrorKind::usage, "{} is a folder, not a file", dest.string());
  if (exists && !S_ISREG(there.st_mode)) {
    Fd fd(::open(dest.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!fd) throw_errno("open {}", dest.string());
    FdSink sink(std::move(fd), dest.string());
    write(sink);
    return;
  }
  auto parent = dest.has_parent_path() ? dest.parent_path() : std::filesystem::path(".");
  Dir folder = Dir::open_host(parent);
  std::string name = dest.filename().string(), aside = fmt::format(".{}.new-{}", name, ::getpid());
  folder.remove(aside);
  try {
    FdSink sink(folder.open_file(aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644), dest.string());
    write(sink);
    sync_data(sink.fd(), dest.string());
    folder.rename(aside, folder, name);
  } catch (...) {
    folder.remove(aside);
    throw;
  }
  folder.sync();
}

std::string activity_label(const OutputSpec& output) {
  if (output.type == OutputSpec::Type::image) return output.store ? "naming the image" : "preparing the image";
  return output.to_stdout() ? "exporting to stdout" : fmt::format("exporting to {}", output.dest.string());
}

class Export {
 public:
  Export(Store& store, SnapshotStore& snapshots, const ExportedImage& image, const OutputSpec& output,
         std::optional<std::int64_t> epoch, std::stop_token stop)
      : store_(store), snapshots_(snapshots), image_(image), output_(output), epoch_(epoch), stop_(std::move(stop)) {
    for (const Reference& name : output.names) image_.names.push_back(name);
    if (is_flat()) return;
    image_.manifest = convert_image(store, image.manifest,
                                    {.compression = output.compression,
                                     .level = output.level,
                                     .force = output.force_compression,
                                     .docker_types = !output.oci_media_types,
                                     .annotations = output.annotations},
                                    stop_);
  }

  void to(Sink& sink) const {
    std::span<const ExportedImage> images(&image_, 1);
    switch (output_.type) {
      case OutputSpec::Type::oci:
        return write_oci_archive(store_, images, sink, stop_);
      case OutputSpec::Type::docker:
        return write_docker_archive(store_, images, sink, stop_);
      case OutputSpec::Type::tar:
        return write_root_archive(store_, snapshots_, layers_of(store_, image_.manifest), epoch_, sink, stop_);
      case OutputSpec::Type::image:
      case OutputSpec::Type::local:
        throw_error(ErrorKind::internal, "no stream for this output");
    }
  }
  std::optional<Descriptor> manifest() const { return is_flat() ? std::nullopt : std::optional(image_.manifest); }
  void to_store() const {
    if (output_.store) publish(store_, image_.manifest, image_.names);
  }
  void to_folder() const {
    Dir folder = Dir::make_host(folder_path(), 0755);
    if (output_.type == OutputSpec::Type::local) {
      write_root_folder(store_, snapshots_, layers_of(store_, image_.manifest), epoch_, folder, stop_);
    } else {
      write_oci_folder(store_, std::span(&image_, 1), folder, stop_);
    }
  }

 private:
  bool is_flat() const { return output_.type == OutputSpec::Type::tar || output_.type == OutputSpec::Type::local; }
  std::filesystem::path folder_path() const {
    if (!output_.platform_split) return output_.dest;
    std::string folder = read_local_image(store_.blobs(), image_.manifest, Platform::host()).config.platform.str();
    std::replace(folder.begin(), folder.end(), '/', '_');
    Dir::make_host(output_.dest, 0755);
    return output_.dest / folder;
  }

  Store& store_;
  SnapshotStore& snapshots_;
  ExportedImage image_;
  const OutputSpec& output_;
  std::optional<std::int64_t> epoch_;
  std::stop_token stop_;
};

}  // namespace

std::optional<Descriptor> export_image(Store& store, SnapshotStore& snapshots, const ExportedImage& image,
                                       const OutputSpec& output, const Fd& out,
                                       std::optional<std::int64_t> source_date_epoch, Progress& progress,
                                       std::stop_token stop) {
  Activity activity(progress, activity_label(output));
  Export exported(store, snapshots, image, output, source_date_epoch, std::move(stop));
  try {
    if (output.type == OutputSpec::Type::image) {
      exported.to_store();
    } else if (output.to_stdout()) {
      FdSink sink(out.duplicate(), "stdout");
      exported.to(sink);
    } else if (output.type == OutputSpec::Type::local || !output.archive) {
      exported.to_folder();
    } else {
      write_file(output.dest, [&](Sink& sink) { exported.to(sink); });
    }
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::cancelled) activity.failed(e.what());
    throw;
  }
  activity.done();
  return exported.manifest();
}

}  // namespace imgb
