#pragma once
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "sandbox/launch.h"
#include "tests/support/temp_dir.h"

namespace imgb {

/// Collects what a step prints.
class TextSink : public Sink {
 public:
  void write(std::span<const std::byte> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::string text;
};

/// A root file system of busybox in a snapshots folder of its own, and a canary beside it that nothing may touch.
class World : public ::testing::Test {
 protected:
  static constexpr const char* kPrograms[] = {
      "sh", "ls",   "cat",  "true", "false",  "id", "mount", "echo",  "sleep", "touch", "rm",   "mkdir",
      "ln", "stat", "grep", "head", "wget",   "nc", "env",   "chmod", "chown", "mknod", "tty",  "ps",
      "ip", "od",   "find", "kill", "setsid", "dd", "mv",    "pwd",   "stty",  "yes",   "sync", "cp"};
  World() : snapshots_(Dir::open_host(temp_.path())) {
    namespace fs = std::filesystem;
    for (const char* folder : {"base/bin", "base/etc", "up", "wk", "canary"}) fs::create_directories(root() / folder);
    fs::copy_file("/bin/busybox", root() / "base/bin/busybox");
    for (const char* name : kPrograms) fs::create_symlink("busybox", root() / "base/bin" / name);
    write("base/this-is-the-sandbox", "");
    write("canary/victim", "untouched");
    spec_.root = {.snapshots = &snapshots_, .lower = {"base"}, .upper = "up", .work = "wk"};
    spec_.env = {"PATH=/bin"};
    spec_.network = NetworkMode::none;
    spec_.resolv_conf = "nameserver 192.0.2.1\n";
  }

  std::filesystem::path root() const { return temp_.path(); }
  void write(const std::string& path, const std::string& text) const { std::ofstream(root() / path) << text; }
  std::string read(const std::string& path) const {
    std::ifstream file(root() / path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool exists(const std::string& path) const {
    return std::filesystem::symlink_status(root() / path).type() != std::filesystem::file_type::not_found;
  }

  void add_probe() const { std::filesystem::copy_file(SANDBOX_PROBE, root() / "base/bin/probe"); }

  struct Done {
    StepResult result;
    std::string text;
  };
  Done run(std::vector<std::string> argv) {
    TextSink sink;
    spec_.argv = std::move(argv);
    StepResult result = sandbox_.run(spec_, sink, {});
    return {std::move(result), std::move(sink.text)};
  }
  Done shell(const std::string& script) { return run({"sh", "-c", script}); }
  /// What the step prints; fails the test when it fails.
  std::string output(const std::string& script) {
    Done done = shell(script);
    EXPECT_EQ(done.result.status.shell_code(), 0) << done.text;
    return done.text;
  }
  ErrorKind failure(const std::string& script = "true") {
    try {
      shell(script);
    } catch (const Error& e) {
      message_ = e.what();
      return e.kind();
    }
    ADD_FAILURE() << "the step ran";
    return ErrorKind::internal;
  }
  void expect_canary_alive() const {
    EXPECT_EQ(read("canary/victim"), "untouched");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(root() / "canary"), {}), 1);
  }

  TempDir temp_;
  Dir snapshots_;
  StepSpec spec_;
  Sandbox sandbox_;
  std::string message_;
};

}  // namespace imgb
