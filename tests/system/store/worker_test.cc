#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/error.h"
#include "core/store/fsck.h"
#include "core/store/gc.h"
#include "core/store/publish.h"
#include "tests/support/image_maker.h"
#include "tests/system/store/worker.h"

namespace imgb {
namespace {

constexpr const char* kRootVariable = "IMGB_TEST_STORE";
constexpr std::size_t kLayerBytes = 300'000;

std::string layer_text(char fill) { return std::string(kLayerBytes, fill); }

void write_expected(BlobStore& blobs, const std::string& text) {
  Descriptor layer{.digest = Digest::of(text), .size_bytes = text.size()};
  auto writer = blobs.create_expected(layer);
  if (!writer) return;  // another has it
  writer->write(as_bytes(std::string_view(text).substr(writer->size_bytes())));
  writer->commit("x");
}

}  // namespace

void do_store_work(const std::filesystem::path& root) {
  Store store = Store::open(root);
  write_expected(store.blobs(), layer_text('b'));
  Descriptor first = make_image(store.blobs(), {layer_text('a'), layer_text('b')});
  store.cache().put(CacheTable::step, "key", "value");
  Reference name = Reference::parse("work:1");
  publish(store, first, {&name, 1});
  Descriptor second = make_image(store.blobs(), {layer_text('b'), layer_text('c')});
  publish(store, second, {&name, 1});
}

Child start_store_work(const std::filesystem::path& root, std::vector<std::string> prefix) {
  Spawn spawn;
  spawn.argv = std::move(prefix);
  for (const char* word :
       {"/proc/self/exe", "--gtest_filter=StoreWork.DISABLED_InAChild", "--gtest_also_run_disabled_tests"})
    spawn.argv.emplace_back(word);
  auto self = std::find(spawn.argv.begin(), spawn.argv.end(), "/proc/self/exe");
  *self = std::filesystem::read_symlink("/proc/self/exe").string();
  spawn.env = {std::string(kRootVariable) + "=" + root.string(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  return Child::start(spawn);
}

void expect_usable(const std::filesystem::path& root) {
  {
    Store store = Store::open(root);
    for (const Finding& found : fsck(store, {}).findings)
      EXPECT_FALSE(found.is_damage()) << name_of(found.kind) << ": " << found.what << ": " << found.detail;
  }
  do_store_work(root);
  Store store = Store::open(root);
  auto image = store.images().find(Reference::parse("work:1"));
  ASSERT_TRUE(image);
  Manifest manifest = parse_image_manifest(read_blob(store.blobs(), *image, kMaxManifestBytes), image->media_type);
  ASSERT_EQ(manifest.layers.size(), 2u);
  for (const Descriptor& layer : manifest.layers)
    EXPECT_EQ(read_blob(store.blobs(), layer, kLayerBytes).size(), kLayerBytes);
  EXPECT_EQ(store.cache().find(CacheTable::step, "key"), "value");
  CollectionLock alone(store.root());
  IdleBlobs idle = find_idle_blobs(store, alone);
  std::vector<Descriptor> roots;
  for (const NamedImage& one : store.images().list()) roots.push_back(one.descriptor);
  remove_garbage(store, alone, find_garbage(store, alone, idle, roots));
  EXPECT_TRUE(store.folder("ingest").list().empty());
  for (const Dir::Entry& entry : store.root().list()) EXPECT_FALSE(entry.name.starts_with(".")) << entry.name;
  EXPECT_TRUE(fsck(store, {}).findings.empty());
}

/// Not a test: the child of start_store_work.
TEST(StoreWork, DISABLED_InAChild) {
  const char* root = std::getenv(kRootVariable);
  ASSERT_NE(root, nullptr) << "started by start_store_work only";
  do_store_work(root);
}

TEST(StoreWork, LeavesAUsableStore) {
  char name[] = "/tmp/imgb-store-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  std::filesystem::path folder = name;
  EXPECT_TRUE(start_store_work(folder / "s").wait().ok());
  expect_usable(folder / "s");
  std::filesystem::remove_all(folder);
}

}  // namespace imgb
