#include "builder/downloads.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"

namespace imgb {
namespace {

struct Known {
  RemoteFileSource::Validators validators;
  Digest content;
  std::uint64_t size_bytes = 0;
  std::optional<std::int64_t> mtime_seconds;
  std::string name;
};

std::string render(const Known& known) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", known.validators.etag, known.validators.last_modified,
                     known.content.str(), known.size_bytes,
                     known.mtime_seconds ? std::to_string(*known.mtime_seconds) : "", known.name);
}

std::optional<Known> find_known(std::string_view text) {
  auto lines = split(text, '\n');
  if (lines.size() != 6) return std::nullopt;
  auto content = Digest::find(lines[2]);
  auto size = find_unsigned(lines[3]);
  if (!content || !size) return std::nullopt;
  return Known{
      {std::string(lines[0]), std::string(lines[1])}, *content, *size, find_integer(lines[4]), std::string(lines[5])};
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    auto low = high ? hex_digit(text[i + 2]) : std::nullopt;
    if (low) {
      out.push_back(static_cast<char>(*high * 16 + *low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
         name.find_first_of(std::string_view("/\0\n", 3)) == std::string_view::npos;
}

/// HTTP_AUTH_HEADER_<host> and HTTP_AUTH_TOKEN_<host> are secrets' ids.
std::vector<std::string> auth_headers(const std::string& url, const BuildRequest& request) {
  std::string_view rest = std::string_view(url).substr(url.find("://") + 3);
  std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (std::size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  if (auto header = request.secrets.find(fmt::format("HTTP_AUTH_HEADER_{}", host)); header != request.secrets.end()) {
    return {fmt::format("Authorization: {}", trim(header->second))};
  }
  if (auto token = request.secrets.find(fmt::format("HTTP_AUTH_TOKEN_{}", host)); token != request.secrets.end()) {
    return {fmt::format("Authorization: Bearer {}", trim(token->second))};
  }
  return {};
}

Known download(const std::string& url, const std::optional<Known>& last, StepServices& services, Activity& activity,
               std::stop_token stop) {
  BlobStore& blobs = services.tools.store.blobs();
  bool usable = last && blobs.find_size(last->content) == last->size_bytes;
  auto writer = blobs.create();
  auto file = services.tools.files.fetch(url, usable ? std::optional(last->validators) : std::nullopt,
                                         auth_headers(url, services.request), *writer, activity, std::move(stop));
  if (file.unchanged && usable) return *last;
  Descriptor blob = writer->commit("application/octet-stream");
  // The URL's name, whatever a Content-Disposition says: as in Docker, and no server chooses names (V35).
  Known known{file.validators, blob.digest, blob.size_bytes, file.mtime_seconds, url_file_name(url)};
  services.tools.store.cache().put(CacheTable::remote_file, url, render(known));
  return known;
}

}  // namespace

bool is_url(std::string_view source) {
  std::string start = lower_ascii(source.substr(0, 8));
  return start.starts_with("http://") || start.starts_with("https://");
}

bool is_git_url(std::string_view source) {
  std::string_view path = source.substr(0, source.find_first_of("?#"));
  return source.starts_with("git://") || source.starts_with("ssh://") || source.starts_with("git@") ||
         (is_url(source) && path.ends_with(".git"));
}

std::string url_file_name(std::string_view url) {
  std::string_view rest = url.substr(url.find("://") + 3);
  rest = rest.substr(0, rest.find_first_of("?#"));
  std::size_t slash = rest.rfind('/');
  std::string name = slash == std::string_view::npos ? "" : percent_decoded(rest.substr(slash + 1));
  return is_file_name(name) ? name : "__unnamed__";
}

Download fetch_url(const std::string& url, const std::string& checksum, StepServices& services, Activity& activity,
                   std::stop_token stop) {
  std::optional<Digest> want;
  if (!checksum.empty()) want = Digest::parse(checksum);
  auto record = services.tools.store.cache().find(CacheTable::remote_file, url);
  auto last = record ? find_known(*record) : std::nullopt;
  Known known = [&] {
    // What has the wanted digest is here already: nothing to ask for.
    if (want && last && last->content == *want && services.tools.store.blobs().find_size(*want) == last->size_bytes) {
      return *last;
    }
    return download(url, last, services, activity, std::move(stop));
  }();
  if (want && known.content != *want) {
    throw_error(ErrorKind::corrupt, "digest mismatch {}: {}", known.content.str(), want->str());
  }
  Download result{known.name, {}};
  result.file.path = RootedPath().child(known.name);
  result.file.meta = {.type = FileType::regular,
                      .mode = 0600,
                      .mtime = nanoseconds_of(known.mtime_seconds.value_or(0)),
                      .size_bytes = known.size_bytes};
  result.file.content = known.content;
  return result;
}

}  // namespace imgb
