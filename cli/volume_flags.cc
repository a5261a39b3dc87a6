#include <filesystem>

#include "cli/flags.h"
#include "cli/run_request.h"
#include "core/base/error.h"
#include "core/base/rooted_path.h"
#include "core/base/text.h"

namespace imgb {
namespace {

std::string absolute(std::string_view path, const std::string& current_folder) {
  return (std::filesystem::path(current_folder) / path).lexically_normal().string();
}

void check_target(const std::string& target, std::string_view whole) {
  if (target.empty() || target[0] != '/' || RootedPath::clean(target).is_root())
    throw_error(ErrorKind::usage, "{:?}: the place inside must be an absolute path and not /", printable(whole));
}

bool is_volume_name(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return text.size() > 1 && text.find_first_not_of(kAllowed) == std::string_view::npos && text[0] != '.' &&
         text[0] != '-';
}

/// Mounts of a container stay in it, and those of the host are shown as they were at the start.
void check_propagation(std::string_view value, std::string_view flag) {
  if (value == "private" || value == "rprivate") return;
  for (const char* other : {"shared", "rshared", "slave", "rslave"})
    if (value == other)
      throw Error(ErrorKind::unsupported, fmt::format("{}: {} is not supported", printable(flag), value))
          .set_hint("mounts made later are not passed on; rprivate is what there is");
  throw_error(ErrorKind::usage, "{}: unknown propagation {:?}", printable(flag), printable(value));
}

bool is_propagation(std::string_view option) {
  return option.ends_with("private") || option.ends_with("shared") || option.ends_with("slave");
}

bool is_true(std::string_view value) { return value.empty() || value == "true" || value == "1"; }

std::optional<std::uint32_t> find_id_number(std::string_view text) {
  auto number = find_unsigned(text);
  constexpr std::uint64_t kMaxId = (1ULL << 31) - 1;
  return number && *number <= kMaxId ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
}

}  // namespace

VolumeRequest parse_volume(std::string_view text, const std::string& current_folder) {
  std::vector<std::string_view> parts = split(text, ':');
  VolumeRequest volume;
  if (parts.size() == 1 && parts[0].starts_with('/')) {
    volume.kind = VolumeRequest::Kind::anonymous;
    volume.target = parts[0];
    check_target(volume.target, text);
    return volume;
  }
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty())
    throw_error(ErrorKind::usage, "-v is [SOURCE:]PATH[:OPTIONS], not {:?}", printable(text));
  volume.target = parts[1];
  check_target(volume.target, text);
  if (is_volume_name(parts[0])) {
    volume.kind = VolumeRequest::Kind::named;
    volume.source = parts[0];
  } else {
    volume.source = absolute(parts[0], current_folder);
    volume.make_source = true;
  }
  if (parts.size() == 3) {
    for (std::string_view option : split(parts[2], ',')) {
      if (option == "ro" || option == "readonly")
        volume.read_only = true;
      else if (option == "nocopy")
        volume.copy = false;
      else if (is_propagation(option))
        check_propagation(option, fmt::format("-v {}", text));
      else if (option != "rw" && option != "z" && option != "Z" && option != "cached" && option != "delegated" &&
               option != "consistent")
        throw_error(ErrorKind::usage, "-v {}: unknown option {:?}", printable(text), printable(option));
    }
  }
  return volume;
}

VolumeRequest parse_mount_flag(std::string_view text, const std::string& current_folder) {
  VolumeRequest volume;
  volume.kind = VolumeRequest::Kind::named;
  bool is_bind = false;
  for (std::string_view field : split(text, ',')) {
    std::size_t equals = field.find('=');
    std::string_view key = field.substr(0, equals);
    std::string value(equals == std::string_view::npos ? "" : field.substr(equals + 1));
    if (key == "type" && value == "bind")
      is_bind = true, volume.kind = VolumeRequest::Kind::folder;
    else if (key == "type" && value == "tmpfs")
      volume.kind = VolumeRequest::Kind::tmpfs;
    else if (key == "type" && value == "volume")
      volume.kind = VolumeRequest::Kind::named;
    else if (key == "source" || key == "src")
      volume.source = value;
    else if (key == "target" || key == "destination" || key == "dst")
      volume.target = value;
    else if (key == "readonly" || key == "ro")
      volume.read_only = is_true(value);
    else if (key == "volume-nocopy")
      volume.copy = !is_true(value);
    else if (key == "bind-propagation")
      check_propagation(value, fmt::format("--mount {}", text));
    else if (key == "consistency")
      continue;  // of Docker on other systems
    else if (key == "tmpfs-size" && find_size_bytes(value))
      volume.size_bytes = find_size_bytes(value);
    else if (key == "tmpfs-mode" && find_octal(value))
      volume.mode = static_cast<std::uint32_t>(*find_octal(value) & 07777);
    else
      throw_error(ErrorKind::usage, "--mount {}: {:?} is not understood", printable(text), printable(field));
  }
  check_target(volume.target, text);
  if (is_bind && volume.source.empty()) throw_error(ErrorKind::usage, "--mount {}: src is missing", printable(text));
  if (is_bind) volume.source = absolute(volume.source, current_folder);
  if (volume.kind == VolumeRequest::Kind::named && volume.source.empty()) volume.kind = VolumeRequest::Kind::anonymous;
  if (volume.kind == VolumeRequest::Kind::named && !is_volume_name(volume.source))
    throw_error(ErrorKind::usage, "--mount {}: {:?} is no name of a volume", printable(text), printable(volume.source));
  return volume;
}

VolumeRequest parse_tmpfs_flag(std::string_view text) {
  VolumeRequest volume;
  volume.kind = VolumeRequest::Kind::tmpfs;
  std::size_t colon = text.find(':');
  volume.target = text.substr(0, colon);
  check_target(volume.target, text);
  if (colon == std::string_view::npos) return volume;
  for (std::string_view option : split(text.substr(colon + 1), ',')) {
    if (option.starts_with("size=") && find_size_bytes(option.substr(5)))
      volume.size_bytes = find_size_bytes(option.substr(5));
    else if (option.starts_with("mode=") && find_octal(option.substr(5)))
      volume.mode = static_cast<std::uint32_t>(*find_octal(option.substr(5)) & 07777);
    else if (option.starts_with("uid=") && find_id_number(option.substr(4)))
      volume.uid = *find_id_number(option.substr(4));
    else if (option.starts_with("gid=") && find_id_number(option.substr(4)))
      volume.gid = *find_id_number(option.substr(4));
    else if (option == "exec" || option == "noexec")
      volume.executable = option == "exec";
    else if (option != "rw" && option != "nosuid" && option != "nodev")
      throw_error(ErrorKind::usage, "--tmpfs {}: unknown option {:?}", printable(text), printable(option));
  }
  return volume;
}

}  // namespace imgb
