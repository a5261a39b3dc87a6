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

std::optional<Known> find_record(const std::string& url, Store& store) {
  auto record = store.cache().find(CacheTable::remote_file, url);
  return record ? find_known(*record) : std::nullopt;
}

bool is_here(const Known& known, Store& store) { return store.blobs().find_size(known.content) == known.size_bytes; }

/// --locked: what the lock says of it.
const BuildLock::Url* find_locked(const std::string& url, const BuildRequest& request) {
  if (!request.lock) return nullptr;
  if (const BuildLock::Url* entry = request.lock->find_url(url)) return entry;
  Error error(ErrorKind::input, fmt::format("{} is not in {}", printable(url, 200), request.lock_name));
  throw error.set_hint(fmt::format("imgb build --lock {} records what the build uses now", request.lock_name));
}

Known known_of(const BuildLock::Url& entry) {
  return {{}, entry.digest, entry.size_bytes, entry.modified, url_file_name(entry.url)};
}

void check_locked(const Known& got, const BuildLock::Url& entry, const BuildRequest& request) {
  if (got.content == entry.digest) return;
  Error error(ErrorKind::input, fmt::format("{} is {} now, {} says {}", printable(entry.url, 200), got.content.str(),
                                            request.lock_name, entry.digest.str()));
  throw error.set_hint(fmt::format("imgb build --lock {} takes what it is now", request.lock_name));
}

Known download(const std::string& url, const std::optional<Known>& last, StepServices& services, Activity& activity,
               std::stop_token stop) {
  BlobStore& blobs = services.tools.store.blobs();
  bool usable = last && is_here(*last, services.tools.store);
  if (services.request.offline) {
    if (usable) return *last;
    Error error(ErrorKind::not_found, fmt::format("{} is not here, and --offline asks nobody", printable(url, 200)));
    throw error.set_hint("build once where there is a network, or bring its blob with the lock file");
  }
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

bool has_download(const std::string& url, const BuildRequest& request, Store& store) {
  if (const BuildLock::Url* locked = request.lock ? request.lock->find_url(url) : nullptr)
    if (is_here(known_of(*locked), store)) return true;
  auto last = find_record(url, store);
  return last && is_here(*last, store);
}

Download fetch_url(const std::string& url, const std::string& checksum, StepServices& services, Activity& activity,
                   std::stop_token stop) {
  std::optional<Digest> want;
  if (!checksum.empty()) want = Digest::parse(checksum);
  Store& store = services.tools.store;
  auto last = find_record(url, store);
  const BuildLock::Url* locked = find_locked(url, services.request);
  Known known = [&] {
    // What has the wanted digest is here already: nothing to ask for.
    if (locked && is_here(known_of(*locked), store)) return known_of(*locked);
    if (want && last && last->content == *want && is_here(*last, store)) return *last;
    Known got = download(url, last, services, activity, std::move(stop));
    if (locked) check_locked(got, *locked, services.request);
    return locked ? known_of(*locked) : got;
  }();
  if (want && known.content != *want) {
    throw_error(ErrorKind::corrupt, "digest mismatch {}: {}", known.content.str(), want->str());
  }
  services.note_url({url, known.content, known.size_bytes, known.mtime_seconds});
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
