#include "builder/mount_spec.h"

#include <gtest/gtest.h>

#include "builder/expand.h"
#include "core/base/error.h"

namespace imgb {
namespace {

RunMount resolve(std::string_view text) {
  Environment env;
  env.set("t", "/target");
  env.set("type", "cache");
  env.set("c", "a,b");
  return resolve_mount(parse_mount_spec(text), [&](const Word& word) { return expand_word(word, env); });
}
template <class T>
T as(std::string_view text) {
  return std::get<T>(resolve(text));
}

TEST(MountSpec, BindIsTheDefaultAndReadOnly) {
  auto bind = as<run_mount::Bind>("target=$t,source=src,from=base");
  EXPECT_EQ(bind.target, "/target");
  EXPECT_EQ(bind.source, "src");
  EXPECT_EQ(bind.from, "base");
  EXPECT_FALSE(bind.writable);
  EXPECT_TRUE(as<run_mount::Bind>("type=bind,dst=a,rw").writable);
  EXPECT_TRUE(as<run_mount::Bind>("TYPE=BIND,destination=a,readwrite=true").writable);
  EXPECT_TRUE(as<run_mount::Bind>("dst=a,ro=false").writable);
  EXPECT_FALSE(as<run_mount::Bind>("dst=a,ro").writable);
}

TEST(MountSpec, Cache) {
  auto cache = as<run_mount::Cache>("type=$type,target=/c,id=x,sharing=Locked,mode=0700,uid=1,gid=2,from=f,src=s,ro");
  EXPECT_EQ(cache.id, "x");
  EXPECT_EQ(cache.sharing, CacheSharing::locked);
  EXPECT_EQ(cache.mode, 0700u);
  EXPECT_EQ(cache.uid, 1u);
  EXPECT_EQ(cache.gid, 2u);
  EXPECT_EQ(cache.from, "f");
  EXPECT_EQ(cache.source, "s");
  EXPECT_TRUE(cache.read_only);
  cache = as<run_mount::Cache>("type=cache,target=/c");
  EXPECT_EQ(cache.id, "");
  EXPECT_EQ(cache.sharing, CacheSharing::shared);
  EXPECT_EQ(cache.mode, std::nullopt);
  EXPECT_FALSE(cache.read_only);
}

TEST(MountSpec, Tmpfs) {
  EXPECT_EQ(as<run_mount::Tmpfs>("type=tmpfs,target=/t,size=64m").size_bytes, 64u << 20);
  EXPECT_EQ(as<run_mount::Tmpfs>("type=tmpfs,target=/t").size_bytes, 0u);
}

TEST(MountSpec, SecretNamesAndPlaces) {
  auto secret = as<run_mount::Secret>("type=secret,id=a/b,required,mode=0440,uid=1,gid=2");
  EXPECT_EQ(secret.id, "a/b");
  EXPECT_EQ(secret.target, "/run/secrets/b");
  EXPECT_TRUE(secret.required);
  EXPECT_EQ(secret.mode, 0440u);
  secret = as<run_mount::Secret>("type=secret,target=/x/y");
  EXPECT_EQ(secret.id, "y");
  EXPECT_EQ(secret.target, "/x/y");
  EXPECT_EQ(secret.mode, 0400u);
  secret = as<run_mount::Secret>("type=secret,id=a,env=A");
  EXPECT_EQ(secret.target, std::nullopt) << "only the variable";
  EXPECT_EQ(secret.env, "A");
  EXPECT_EQ(as<run_mount::Secret>("type=secret,id=a,env=A,target=/t").target, "/t") << "both";
  EXPECT_EQ(as<run_mount::Secret>("type=secret,source=s").id, "s");
}

TEST(MountSpec, Ssh) {
  auto ssh = as<run_mount::Ssh>("type=ssh");
  EXPECT_EQ(ssh.id, "default");
  EXPECT_EQ(ssh.target, "");
  EXPECT_EQ(ssh.mode, 0600u);
  ssh = as<run_mount::Ssh>("type=ssh,id=k,target=/s,required=true");
  EXPECT_EQ(ssh.id, "k");
  EXPECT_TRUE(ssh.required);
}

TEST(MountSpec, FieldsMayBeQuoted) {
  auto bind = as<run_mount::Bind>("\"target=/a,b\",\"source='q\"\"x'\"");
  EXPECT_EQ(bind.target, "/a,b");
  EXPECT_EQ(bind.source, "q\"x");
  EXPECT_EQ(as<run_mount::Bind>("target=$c").target, "a,b") << "a value is not split again";
}

TEST(MountSpec, SaysWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"type=tmp,target=/x", "unsupported mount type \"tmp\" (did you mean tmpfs?)"},
      {"typ=tmpfs,target=/x", "unexpected key 'typ' in 'typ=tmpfs' (did you mean type?)"},
      {"type=bind,mode=0755,target=/x", "mode not allowed for \"bind\" type mounts"},
      {"type=tmpfs,uid=1,target=/x", "uid not allowed for \"tmpfs\" type mounts"},
      {"type=bind,sharing=locked,target=/x", "invalid cache sharing set for bind mount"},
      {"type=cache,sharing=lockd,target=/x", "unsupported sharing value \"lockd\" (did you mean locked?)"},
      {"type=bind,size=1,target=/x", "unexpected key 'size' for mount type 'bind'"},
      {"type=cache,required,target=/x", "unexpected key 'required' for mount type 'cache'"},
      {"type=bind", "invalid mount target \"/\""},
      {"type=cache,target=/a/..", "invalid mount target \"/\""},
      {"type=secret", "invalid secret mount. one of source, target required"},
      {"type=secret,id=a,source=b", "both source and id can't be set"},
      {"type=secret,id=a,from=b", "secret mount should not have a from"},
      {"type=secret,id=a,sharing=shared", "secret mount should not define sharing"},
      {"target", "invalid field 'target' must be a key=value pair"},
      {"type=tmpfs,target=/x,size=1zz", "invalid value for size: 1zz"},
      {"target=/x,ro=maybe", "invalid value for ro: maybe"},
      {"type=cache,target=/x,uid=-1", "invalid value -1 for uid"},
      {"type=cache,target=/x,mode=9", "invalid value 9 for mode"},
      {"from=$x,target=/x", "'from' doesn't support variable expansion, define alias stage instead"},
      {"target=/x,\"source=y", "failed to parse csv mounts: extraneous or missing \" in quoted-field"},
      {"tar\"get=/x", "failed to parse csv mounts: bare \" in non-quoted-field"},
  };
  for (const auto& [text, message] : cases) {
    try {
      resolve(text);
      ADD_FAILURE() << text;
    } catch (const Error& e) {
      EXPECT_EQ(e.message(), message) << text;
    }
  }
}

}  // namespace
}  // namespace imgb
