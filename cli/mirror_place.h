#pragma once
#include <memory>
#include <set>
#include <stop_token>
#include <string>

#include "core/base/progress.h"
#include "core/base/stream.h"
#include "core/store/layout_source.h"
#include "registry/mirror.h"

namespace imgb {

bool is_archive_name(const std::string& path);  ///< "*.tar"

/// A mirror that the user named, to be read: a folder, or an archive of one. Error(input) when it is neither.
std::unique_ptr<LayoutSource> open_mirror(const std::string& path);

/// The blobs of a mirror elsewhere: a folder, an archive, or what `imgb mirror ls --format json` printed of it.
std::set<Digest> read_inventory(const std::string& path);

/// The mirror as one tar that is served and read as it is, without the blobs that are `there` already. The same mirror
/// gives the same bytes. Error(corrupt) when one of its images is not whole.
void write_mirror_archive(const LayoutSource& mirror, const std::set<Digest>& there, Sink& into, Activity* activity,
                          const std::stop_token& stop);

}  // namespace imgb
