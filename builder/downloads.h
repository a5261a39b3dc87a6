#pragma once
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "builder/step_services.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// ADD of http(s) URLs (dockerfile.md 3.3, V35 to V37). CacheTable::remote_file: key = URL; value = lines: ETag,
/// Last-Modified, digest, size, mtime in seconds (or empty), file name.

bool is_url(std::string_view source);      ///< http:// or https://
bool is_git_url(std::string_view source);  ///< What ADD takes for a repository.

struct Download {
  std::string name;     ///< Base name for a destination that is a folder.
  TreeView::Node file;  ///< Its metadata and content digest; mode 0600.
};
/// The file at the URL as it is now: asks with the validators of the last time, and keeps the bytes as a blob.
/// `checksum`: "sha256:..." or empty. Errors: corrupt when it does not match; what the source throws.
Download fetch_url(const std::string& url, const std::string& checksum, StepServices& services, Activity& activity,
                   std::stop_token stop);

/// Name of the file behind a URL: last component of its path, decoded; "__unnamed__" when there is none or it could not
/// be a file name.
/// It could be had without asking anybody.
bool has_download(const std::string& url, const BuildRequest& request, Store& store);
std::string url_file_name(std::string_view url);

}  // namespace imgb
