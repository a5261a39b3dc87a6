#include "registry/server/receiver.h"

#include "core/base/text.h"
#include "registry/server/refusal.h"
#include "registry/url.h"

namespace imgb::server {
namespace {

std::string location(const Repository& repository, std::string_view kind, std::string_view what) {
  std::string path = fmt::format("/v2/{}/{}/{}", repository.asked, kind, what);
  if (!repository.ns.empty()) path.append("?ns=").append(percent_encode(repository.ns));
  return path;
}

/// "0-0" also for none, as all registries say it.
std::string range_of(std::uint64_t size) { return fmt::format("0-{}", size ? size - 1 : 0); }

Reply upload_reply(int status, const Repository& repository, const Upload& upload) {
  Reply reply{.status = status};
  reply.with("Location", location(repository, "blobs/uploads", upload.id()));
  reply.with("Range", range_of(upload.size_bytes()));
  reply.with("Docker-Upload-UUID", upload.id());
  return reply;
}

Reply created(const Repository& repository, std::string_view kind, const Digest& digest) {
  Reply reply{.status = 201};
  reply.with("Location", location(repository, kind, digest.str())).with("Docker-Content-Digest", digest.str());
  return reply;
}

[[noreturn]] void refuse_unknown_upload() {
  throw Refusal(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload: it has ended, or was never begun");
}

/// What a request says of its place in the blob: "5-9", with or without RFC 9110's unit and size.
struct Place {
  std::uint64_t first, last;
};
std::optional<Place> place_of(const Headers& headers) {
  auto header = headers.find("Content-Range");
  if (!header) return std::nullopt;
  std::string_view text = trim(*header);
  if (text.starts_with("bytes ")) text.remove_prefix(6);
  text = text.substr(0, text.find('/'));
  std::size_t dash = text.find('-');
  auto first = find_unsigned(text.substr(0, dash));
  auto last = dash == std::string_view::npos ? std::nullopt : find_unsigned(text.substr(dash + 1));
  if (!first || !last || *last < *first)
    throw Refusal(400, "BLOB_UPLOAD_INVALID", fmt::format("Content-Range {:?} is no range", printable(*header, 100)));
  return Place{*first, *last};
}

std::string declared_type(const Headers& headers) {
  std::string_view type = headers.find("Content-Type").value_or("");
  type = trim(type.substr(0, type.find(';')));
  return type == "application/json" ? "" : std::string(type);
}

/// Layers that are fetched from elsewhere and never pushed.
bool is_foreign(const Descriptor& layer) {
  return layer.media_type.find("nondistributable") != std::string::npos ||
         layer.media_type.find(".foreign.") != std::string::npos;
}

}  // namespace

/// A request that carries bytes of an upload, and perhaps ends it.
class Receiver::Part : public Work {
 public:
  Part(Receiver& receiver, const RequestHead& head, Repository repository, std::shared_ptr<Upload> upload,
       std::optional<Digest> digest)
      : receiver_(receiver),
        repository_(std::move(repository)),
        upload_(std::move(upload)),
        digest_(std::move(digest)),
        length_(head.content_length),
        place_(place_of(head.headers)) {}

  bool wants_body() const override { return true; }

  void take(std::span<const std::byte> bytes) override {
    start();
    taken_ += bytes.size();
    if (place_ && taken_ > place_->last - place_->first + 1)
      throw Refusal(400, "SIZE_INVALID", "the body is longer than its Content-Range says");
    try {
      upload_->write(*turn_, bytes);
    } catch (const Refusal&) {
      throw;
    } catch (const Error&) {
      receiver_.uploads_.end(*upload_);  // how much of it was written nobody knows
      throw;
    }
  }

  Reply finish() override {
    start();
    if (place_ && taken_ != place_->last - place_->first + 1)
      throw Refusal(400, "SIZE_INVALID", "the body is shorter than its Content-Range says");
    if (!digest_) return upload_reply(202, repository_, *upload_);
    try {
      upload_->commit(*turn_, *digest_);
    } catch (const Refusal&) {
      throw;
    } catch (const Error& e) {
      receiver_.uploads_.end(*upload_);
      if (e.kind() == ErrorKind::corrupt || e.kind() == ErrorKind::unsupported)
        throw Refusal(400, "DIGEST_INVALID", e.message());
      throw;
    }
    receiver_.uploads_.end(*upload_);
    return created(repository_, "blobs", *digest_);
  }

 private:
  void start() {
    if (turn_) return;
    turn_ = upload_->take_turn();
    std::uint64_t there = upload_->size_bytes();
    if (place_ && place_->first != there) {
      Refusal refusal(416, "BLOB_UPLOAD_INVALID", fmt::format("the next byte is {}, not {}", there, place_->first));
      throw refusal.with("Location", location(repository_, "blobs/uploads", upload_->id()))
          .with("Range", range_of(there))
          .with("Docker-Upload-UUID", upload_->id());
    }
    if (place_ && length_ && *length_ != place_->last - place_->first + 1)
      throw Refusal(400, "SIZE_INVALID", "Content-Range and Content-Length do not agree");
    if (length_.value_or(0) > receiver_.writer_.free_bytes())
      throw Refusal(507, "SIZE_INVALID", fmt::format("the registry's disk has no room for {}", render_size(*length_)));
  }

  Receiver& receiver_;
  Repository repository_;
  std::shared_ptr<Upload> upload_;
  std::optional<Digest> digest_;
  std::optional<std::uint64_t> length_, turn_;
  std::optional<Place> place_;
  std::uint64_t taken_ = 0;
};

std::unique_ptr<Work> Receiver::uploads(const RequestHead& head, const route::Uploads& asked,
                                        const std::string& owner) {
  if (head.method != "POST") return nullptr;
  if (!asked.digest) return std::make_unique<LateAnswer>([this, asked, owner] { return begin_upload(asked, owner); });
  auto whole = std::make_shared<Upload>("", asked.repository.name, owner, writer_.begin_blob());
  return std::make_unique<Part>(*this, head, asked.repository, std::move(whole), asked.digest);
}

Reply Receiver::begin_upload(const route::Uploads& asked, const std::string& owner) {
  if (asked.mount && writer_.hold(*asked.mount)) return created(asked.repository, "blobs", *asked.mount);
  return upload_reply(202, asked.repository, *uploads_.begin(asked.repository, owner));
}

std::unique_ptr<Work> Receiver::upload(const RequestHead& head, const route::Upload& asked, const std::string& owner) {
  if (head.method == "GET" || head.method == "HEAD")
    return std::make_unique<LateAnswer>([this, asked, owner] { return upload_state(asked, owner); });
  if (head.method == "DELETE")
    return std::make_unique<LateAnswer>([this, asked, owner] { return cancel_upload(asked, owner); });
  if (head.method != "PATCH" && head.method != "PUT") return nullptr;
  auto upload = uploads_.find(asked.id, asked.repository, owner);
  if (!upload) refuse_unknown_upload();
  if (head.method == "PATCH") return std::make_unique<Part>(*this, head, asked.repository, upload, std::nullopt);
  if (!asked.digest) throw Refusal(400, "DIGEST_INVALID", "the end of an upload names its digest: ?digest=sha256:...");
  return std::make_unique<Part>(*this, head, asked.repository, upload, asked.digest);
}

Reply Receiver::upload_state(const route::Upload& asked, const std::string& owner) {
  auto upload = uploads_.find(asked.id, asked.repository, owner);
  if (!upload) refuse_unknown_upload();
  return upload_reply(204, asked.repository, *upload);
}

Reply Receiver::cancel_upload(const route::Upload& asked, const std::string& owner) {
  auto upload = uploads_.find(asked.id, asked.repository, owner);
  if (!upload) refuse_unknown_upload();
  upload->take_turn();  // whoever still writes hears that it is over
  uploads_.end(*upload);
  return Reply{.status = 204};
}

class Receiver::ManifestBody : public Work {
 public:
  ManifestBody(Receiver& receiver, const RequestHead& head, route::Manifest asked)
      : receiver_(receiver), asked_(std::move(asked)), type_(declared_type(head.headers)) {}

  bool wants_body() const override { return true; }

  void take(std::span<const std::byte> bytes) override {
    if (text_.size() + bytes.size() > kMaxManifestBytes)
      throw Refusal(413, "MANIFEST_INVALID", fmt::format("a manifest has at most {} bytes", kMaxManifestBytes));
    text_ += as_text(bytes);
  }

  Reply finish() override {
    const auto* wanted = std::get_if<Digest>(&asked_.which);
    Descriptor made{.digest = Digest::of(text_), .size_bytes = text_.size()};
    if (wanted && *wanted != made.digest)
      throw Refusal(400, "DIGEST_INVALID",
                    fmt::format("the manifest's digest is {}, not {}", made.digest.str(), wanted->str()));
    auto content = parse();
    std::optional<Descriptor> subject = std::visit([](const auto& one) { return one.subject; }, content);
    made.media_type = std::visit([](const auto& one) { return one.media_type; }, content);
    std::vector<Digest> children;
    if (const auto* index = std::get_if<Index>(&content))
      for (const Descriptor& child : index->manifests) children.push_back(child.digest);
    else
      receiver_.want_blobs(std::get<Manifest>(content));
    Reference name = Reference::parse(asked_.repository.name);
    const auto* tag = std::get_if<std::string>(&asked_.which);
    receiver_.writer_.put_manifest(made, text_, tag ? name.with_tag(*tag) : name.with_digest(made.digest), children);
    Reply reply = created(asked_.repository, "manifests", made.digest);
    if (subject) reply.with("OCI-Subject", subject->digest.str());
    return reply;
  }

 private:
  std::variant<Manifest, Index> parse() const {
    try {
      return parse_manifest(text_, type_);
    } catch (const Error& e) {
      throw Refusal(400, "MANIFEST_INVALID", e.message());
    }
  }

  Receiver& receiver_;
  route::Manifest asked_;
  std::string type_, text_;
};

/// An image comes when all of it is here. (An index may come with some of its images: mirrors carry those they need.)
void Receiver::want_blobs(const Manifest& manifest) {
  std::vector<Descriptor> needed{manifest.config};
  for (const Descriptor& layer : manifest.layers)
    if (!is_foreign(layer)) needed.push_back(layer);
  for (const Descriptor& blob : needed) {
    auto size = writer_.hold(blob.digest);
    if (!size) throw Refusal(400, "MANIFEST_BLOB_UNKNOWN", fmt::format("blob {} was not uploaded", blob.digest.str()));
    if (*size != blob.size_bytes)
      throw Refusal(400, "MANIFEST_INVALID",
                    fmt::format("blob {} has {} bytes, not {}", blob.digest.str(), *size, blob.size_bytes));
  }
}

std::unique_ptr<Work> Receiver::put_manifest(const RequestHead& head, const route::Manifest& asked) {
  return std::make_unique<ManifestBody>(*this, head, asked);
}

Reply Receiver::remove_manifest(const route::Manifest& asked, const Contents& contents) {
  bool removed = false;
  if (const auto* tag = std::get_if<std::string>(&asked.which)) {
    removed = writer_.remove_name(Reference::parse(asked.repository.name).with_tag(*tag));
  } else {
    const Digest& digest = std::get<Digest>(asked.which);
    removed = writer_.remove_manifest(asked.repository.name, digest);
    if (!removed && contents.holds(asked.repository.name, digest))
      return error_reply(405, "UNSUPPORTED", "the manifest is part of an index: delete that");
  }
  if (removed) return Reply{.status = 202};
  bool known = contents.has(asked.repository.name);
  return error_reply(404, known ? "MANIFEST_UNKNOWN" : "NAME_UNKNOWN",
                     fmt::format("{} has no such manifest", asked.repository.asked));
}

Reply Receiver::remove_blob(const route::Blob& asked) {
  switch (writer_.remove_blob(asked.digest)) {
    case CatalogWriter::Removed::gone:
      return Reply{.status = 202};
    case CatalogWriter::Removed::needed:
      return error_reply(405, "UNSUPPORTED", fmt::format("an image needs {}: delete that", asked.digest.str()));
    case CatalogWriter::Removed::absent:
      break;
  }
  return error_reply(404, "BLOB_UNKNOWN", fmt::format("there is no blob {}", asked.digest.str()));
}

}  // namespace imgb::server
