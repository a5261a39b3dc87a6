#pragma once
#include <string>
#include <string_view>

#include "sandbox/containers.h"

// What a container's folder holds, made and parsed here. Both texts are JSON with one flat object.
namespace imgb {

inline constexpr std::string_view kContainerConfigFile = "config.json";
inline constexpr std::string_view kContainerStateFile = "state.json";
inline constexpr std::string_view kContainerLockFile = "lock";
inline constexpr std::string_view kContainerLogFile = "log";
inline constexpr std::string_view kContainerOldLogFile = "log.old";  ///< What was in the log before, when it was full.

std::string render(const ContainerConfig& config);
ContainerConfig parse_container_config(std::string_view text);  ///< Error(corrupt).
std::string render(const ContainerState& state);
ContainerState parse_container_state(std::string_view text);  ///< Error(corrupt).

/// "eager_lovelace" and the like from 64 random bits.
std::string invent_name(std::uint64_t random);
bool is_container_name(std::string_view name);  ///< [a-zA-Z0-9][a-zA-Z0-9_.-]+, as Docker has it.

/// "<nanoseconds> <1|2> <length>\n" before, "\n" after the bytes.
std::string log_record_header(Nanoseconds time, ContainerOwner::Stream stream, std::size_t length);
/// Takes whole records off the front of `buffer`. Error(corrupt) on what is no record.
void take_log_records(std::string& buffer, const std::function<void(const LogRecord&)>& record);

}  // namespace imgb
