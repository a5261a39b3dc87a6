#include "layerfs/segment_writer.h"

#include <algorithm>
#include <cstring>

#include "layerfs/checksum.h"

namespace imgb {
namespace {

constexpr std::size_t kLeastBytes = 64 << 10;
constexpr std::uint64_t kLargeBytes = 256 << 10;
constexpr std::uint32_t kOneOf = 32;

// Parts of a recipe, each with its length, so that no two lists of parts read alike.
constexpr char kBytesPart = 'b', kRunPart = 'r';

void append_number(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

}  // namespace

void SegmentWriter::reuse(SegmentTable table, Fd blob) {
  if (!cuts_at_entries_) return;
  earlier_ = std::move(table);
  pipeline_.reuse(std::move(blob));
}

void SegmentWriter::begin_entry(std::string_view path, std::uint64_t data_bytes) {
  if (!cuts_at_entries_) return;
  bool large = data_bytes >= kLargeBytes;
  bool wanted = large || after_large_ || crc32(path) % kOneOf == 0;
  after_large_ = large;
  if (wanted && pipeline_.in_segment() >= kLeastBytes) cut();
}

void SegmentWriter::append_bytes(std::string_view bytes) {
  if (!cuts_at_entries_) return;
  now_.text.push_back(kBytesPart);
  append_number(now_.text, bytes.size());
  now_.text.append(bytes);
}

void SegmentWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    std::span<std::byte> to = pipeline_.space();
    std::size_t count = std::min(to.size(), bytes.size());
    std::memcpy(to.data(), bytes.data(), count);
    append_bytes(as_text(bytes.first(count)));
    if (pipeline_.advance(count)) cut();
    bytes = bytes.subspan(count);
  }
}

void SegmentWriter::begin_data(const std::optional<Digest>& claimed) {
  claimed_ = claimed;
  data_at_ = 0;
}

std::span<std::byte> SegmentWriter::space() { return pipeline_.space(); }

void SegmentWriter::advance(std::size_t written_bytes) {
  if (cuts_at_entries_ && !now_.open) {
    now_.open = true;
    now_.run_from = data_at_;
    now_.run_bytes = 0;
  }
  now_.run_bytes += written_bytes;
  data_at_ += written_bytes;
  if (pipeline_.advance(written_bytes)) cut();
}

void SegmentWriter::close_run(Recipe& recipe, const Digest& content) {
  recipe.text.push_back(kRunPart);
  recipe.text.append(as_text(content.raw()));
  append_number(recipe.text, recipe.run_from);
  append_number(recipe.text, recipe.run_bytes);
  recipe.open = false;
}

void SegmentWriter::end_data(const Digest& content) {
  if (now_.open) close_run(now_, content);
  for (auto& [number, recipe] : waiting_) {
    close_run(recipe, content);
    keys_[number] = Digest::of(recipe.text);
  }
  waiting_.clear();
}

void SegmentWriter::cut() {
  if (!cuts_at_entries_) return pipeline_.cut(std::nullopt);  // no segment is ever found again: none needs a key
  if (now_.open && claimed_) close_run(now_, *claimed_);
  std::optional<PackedPlace> known;
  keys_.emplace_back();
  if (now_.open) {
    waiting_.emplace_back(keys_.size() - 1, now_);
  } else {
    keys_.back() = Digest::of(now_.text);
    if (earlier_) known = earlier_->find(*keys_.back());
  }
  pipeline_.cut(known);
  now_.text.clear();
  now_.open = false;
}

LayerPipeline::Result SegmentWriter::finish() {
  if (pipeline_.in_segment() > 0) cut();
  LayerPipeline::Result result = pipeline_.finish();
  places_ = result.segments;
  return result;
}

SegmentTable SegmentWriter::table() const {
  std::vector<SegmentTable::Entry> entries;
  for (std::size_t i = 0; i < places_.size() && i < keys_.size(); ++i) {
    if (keys_[i]) entries.push_back({*keys_[i], places_[i]});
  }
  return SegmentTable(std::move(entries));
}

}  // namespace imgb
