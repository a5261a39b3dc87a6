#pragma once
#include <stop_token>

#include "builder/step_services.h"
#include "builder/tree_input.h"

namespace imgb {

/// What a bind mount shows: files of a context, a stage or an image, as a folder that nobody else writes to.
class BindSource {
 public:
  BindSource(const Input& input, const FileSystem& files, const RootedPath& path, StepServices& services,
             Activity& activity, std::stop_token stop);

  /// Adds the content below the path to a key.
  void add_to(Ingredients& key, std::string_view name);
  /// O_PATH of the folder or file. Taken from the unpacked layer that holds all of it when there is one; else the files
  /// are copied into a layer of their own first, which later builds find again.
  Fd open();

 private:
  CopyItem& item();
  Fd open_copy();
  std::optional<Fd> find_in_one_layer();

  const FileSystem& files_;
  RootedPath path_;
  StepServices& services_;
  Activity& activity_;
  std::stop_token stop_;
  TreeInput input_;
  std::optional<CopyItem> item_;
};

}  // namespace imgb
