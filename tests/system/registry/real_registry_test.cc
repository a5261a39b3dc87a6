#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "core/base/base64.h"
#include "core/base/process.h"
#include "core/store/store.h"
#include "registry/access.h"
#include "registry/pull.h"
#include "registry/registry_error.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

namespace fs = std::filesystem;

/// bcrypt of "wonderland".
constexpr const char* kAlice = "alice:$2b$05$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW\n";

/// Debian's docker-registry on a port of its own, with a password; images come in by skopeo.
class RealRegistry : public testing::Test {
 protected:
  void SetUp() override {
    for (int attempt = 0; attempt < 5 && !server_; ++attempt) start(20000 + (::getpid() * 7 + attempt * 131) % 30000);
    ASSERT_TRUE(server_) << "docker-registry does not start";
  }

  void start(int port) {
    host_ = "127.0.0.1:" + std::to_string(port);
    write("htpasswd", kAlice);
    write("registry.yml", "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " + at("data") +
                              "}}\nhttp: {addr: '" + host_ + "'}\nauth: {htpasswd: {realm: r, path: " + at("htpasswd") +
                              "}}\n");
    Spawn spawn;
    spawn.argv = {"docker-registry", "serve", at("registry.yml")};
    spawn.env = {"PATH=" + std::string(::getenv("PATH")), "HOME=" + at("")};
    server_ = Child::start(spawn);
    while (!server_->wait_for(std::chrono::milliseconds(20))) {
      if (listens()) return;
    }
    server_.reset();  // the port was taken
  }

  /// Anything that answers, if only with 401.
  bool listens() {
    CurlTransport transport({});
    HttpRequest request;
    request.url = Url::parse("http://" + host_ + "/v2/");
    try {
      return transport.perform(request, [](const ResponseHead&) { return nullptr; }, {}).status == 401;
    } catch (const TransportError&) {
      return false;
    }
  }

  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }
  void write(const std::string& name, const std::string& content) {
    std::ofstream(at(name)) << content;
    fs::permissions(at(name), fs::perms::owner_read | fs::perms::owner_write);
  }

  /// An image of two layers in the store `name`, under the tag v1 of `repository`.
  void make_image(Store& store, const std::string& repository) {
    ImageConfig config;
    config.platform = Platform::host();
    Manifest manifest{std::string(media_type::kOciManifest), "", write_blob(store.blobs(), "{}", "x"), {}, {}, {}};
    for (const std::string& bytes : {std::string(3'000'000, 'a'), std::string("not really a tar")}) {
      manifest.layers.push_back(write_blob(store.blobs(), bytes, std::string(media_type::kOciLayer)));
      config.diff_ids.push_back({manifest.layers.back().digest});
    }
    manifest.config = write_blob(store.blobs(), render(config), std::string(media_type::kOciConfig));
    Descriptor image = write_blob(store.blobs(), render(manifest), manifest.media_type);
    store.images().set(Reference::parse(host_ + "/" + repository + ":v1"), image);
    image_ = manifest;
  }

  RegistryAccess access() {
    return {environment(), ::getuid(), [](const std::string&) {}};
  }
  Environment environment() { return {{"HOME", at("home")}, {"REGISTRY_AUTH_FILE", at("auth.json")}}; }

  TempDir folder_;
  std::string host_;
  std::optional<Child> server_;
  std::optional<Manifest> image_;
};

TEST_F(RealRegistry, APasswordProtectedImageIsPulledWhole) {
  {
    Store from = Store::open(at("from"));
    make_image(from, "team/app");
  }
  Output pushed = run_helper({"skopeo", "--insecure-policy", "copy", "--preserve-digests", "--dest-creds",
                              "alice:wonderland", "--dest-tls-verify=false",
                              "oci:" + at("from") + ":" + host_ + "/team/app:v1", "docker://" + host_ + "/team/app:v1"},
                             "", std::chrono::seconds(60));
  ASSERT_TRUE(pushed.status.ok()) << pushed.err;

  Store to = Store::open(at("to"));
  Reference name = Reference::parse(host_ + "/team/app:v1");
  {
    RegistryAccess anonymous = access();
    EXPECT_THROW(pull_metadata(anonymous.client, name, Platform::host(), to.blobs(), false, nullptr, {}),
                 RegistryError);
  }
  write("auth.json", R"({"auths":{")" + host_ + R"(":{"auth":")" + encode_base64("alice:wonderland") + "\"}}}");
  RegistryAccess known = access();
  PulledImage pulled = pull_metadata(known.client, name, Platform::host(), to.blobs(), false, nullptr, {});
  for (const Descriptor& layer : pulled.content.layers)
    known.client.fetch_blob(name, layer, to.blobs(), nullptr, nullptr, {});
  for (const Descriptor& layer : image_->layers) EXPECT_EQ(to.blobs().find_size(layer.digest), layer.size_bytes);
  EXPECT_EQ(pulled.config.diff_ids.size(), 2u);
}

}  // namespace
}  // namespace imgb
