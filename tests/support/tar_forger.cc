#include "tests/support/tar_forger.h"

#include <fmt/core.h>

namespace imgb {
namespace {

constexpr std::size_t kBlock = 512;

void put(std::string& block, std::size_t offset, std::string_view bytes) { block.replace(offset, bytes.size(), bytes); }

void fix_checksum(std::string& bytes, std::size_t at) {
  bytes.replace(at + 148, 8, 8, ' ');
  unsigned sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(bytes[at + i]);
  bytes.replace(at + 148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
}

std::string header(const TarForger::Member& m, std::size_t size) {
  std::string block(kBlock, '\0');
  put(block, 0, std::string_view(m.name).substr(0, 100));
  put(block, 100, fmt::format("{:07o}", m.mode));
  put(block, 108, "0000000");
  put(block, 116, "0000000");
  put(block, 124, fmt::format("{:011o}", size));
  put(block, 136, "00000000000");
  put(block, 156, std::string_view(&m.type, 1));
  put(block, 157, std::string_view(m.link).substr(0, 100));
  put(block, 257,
      std::string_view("ustar\0"
                       "00",
                       8));
  put(block, 329, fmt::format("{:07o}", m.major));
  put(block, 337, fmt::format("{:07o}", m.minor));
  fix_checksum(block, 0);
  return block;
}

std::string padded(std::string_view data) { return std::string(data) + std::string(-data.size() % kBlock, '\0'); }

std::string record(std::string_view key, std::string_view value) {
  std::size_t rest = key.size() + value.size() + 3, length = rest + 1;
  while (std::to_string(length).size() + rest != length) length = rest + std::to_string(length).size();
  return fmt::format("{} {}={}\n", length, key, value);
}

}  // namespace

TarForger& TarForger::add(const Member& member) {
  std::map<std::string, std::string> pax = member.pax;
  if (member.name.size() > 100) pax.emplace("path", member.name);
  if (member.link.size() > 100) pax.emplace("linkpath", member.link);
  std::string records;
  for (const auto& [key, value] : pax) records += record(key, value);
  if (!records.empty()) pax_header(records);
  bytes_ += header(member, member.data.size()) + padded(member.data);
  return *this;
}

TarForger& TarForger::pax_header(std::string_view records, char type) {
  bytes_ += header({.name = "pax", .type = type}, records.size()) + padded(records);
  return *this;
}

TarForger& TarForger::patch(std::size_t back, std::size_t offset, std::string_view bytes) {
  std::size_t at = bytes_.size() - back;
  bytes_.replace(at + offset, bytes.size(), bytes);
  fix_checksum(bytes_, at);
  return *this;
}

}  // namespace imgb
